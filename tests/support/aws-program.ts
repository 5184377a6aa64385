/** A program named `aws`, first in PATH: it gives prepared answers and records its calls. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const PROGRAM = `#!${process.execPath}
const { appendFileSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const args = process.argv.slice(2);
appendFileSync(join(__dirname, 'asked'), JSON.stringify(args) + '\\n');
const path = join(__dirname, 'answers.json');
const answers = JSON.parse(readFileSync(path, 'utf8'));
const name = args.join(' ');
const found = answers.find(([start, , state]) => state !== 'used' && name.startsWith(start));
if (found === undefined) {
  console.error('An error occurred (ResourceNotFoundException): there is no ' + name);
  process.exitCode = 254;
} else {
  if (found[2] === 'once') {
    found[2] = 'used';
    writeFileSync(path, JSON.stringify(answers));
  }
  if (found[1] !== null) console.log(JSON.stringify(found[1]));
}
`;

/** `start`: the first words of the call. The first entry that matches answers, each time or once. */
export type Answer = [start: string, answer: unknown, times?: 'once'];

export async function startAwsProgram() {
  const directory = await mkdtemp(join(tmpdir(), 'aws-'));
  const before = process.env['PATH'] ?? '';
  await writeFile(join(directory, 'aws'), PROGRAM, { mode: 0o755 });
  process.env['PATH'] = `${directory}${delimiter}${before}`;
  return {
    answer: async (answers: Answer[]): Promise<void> => {
      await writeFile(join(directory, 'asked'), '');
      await writeFile(join(directory, 'answers.json'), JSON.stringify(answers));
    },
    /** The calls since its answers were set. */
    asked: async (): Promise<string[][]> =>
      (await readFile(join(directory, 'asked'), 'utf8'))
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    stop: async (): Promise<void> => {
      process.env['PATH'] = before;
      await rm(directory, { recursive: true });
    },
  };
}
