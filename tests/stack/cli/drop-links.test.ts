import { describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toEnvFile } from '../../../local/settings.ts';
import { runCommandLine } from '../../support/run-command.ts';
import { useDirectory } from '../../support/use-directory.ts';
import { useProduct } from '../../support/use-product.ts';
import { issueId, projectId } from '../../support/world.ts';

const product = await useProduct({
  environment: { INGEST_PROJECTS: projectId, OVERSIZE: 'link', MAX_FILE_BYTES: '65536' },
});
const directory = await useDirectory();

// As npm start writes it down.
await writeFile(join(directory, 'keys.env'), toEnvFile(product.operatorEnvironment));
await writeFile(join(directory, 'settings.json'), JSON.stringify(product.settings));

function drop(...args: string[]) {
  const place = ['--project', projectId, '--issue', issueId];
  return runCommandLine('cli/drop.ts', [...place, ...args], { LOCAL_DATA_DIRECTORY: directory }).ended;
}

describe('npm run drop of a file that is larger than IPD takes', () => {
  it('says until when the link works, and does not add it twice', async () => {
    const path = join(directory, 'film.mp4');
    await writeFile(path, Buffer.alloc(100_000, 'film'));

    const first = await drop(path);
    const second = await drop(path);
    const third = await drop('--json', path);

    const links = await product.links();
    expect(links).toMatchObject([{ title: expect.stringContaining('film.mp4') }]);
    expect(first).toMatchObject({
      code: 0,
      stdout: [expect.stringMatching(/^.*film\.mp4: link until \w+ \d+, \d{4}$/)],
    });
    expect(second.stdout).toEqual([expect.stringMatching(/film\.mp4: linked before, until \w+ \d+, \d{4}$/)]);
    expect(JSON.parse(third.stdout[0] ?? '')).toMatchObject({
      uploads: [{ status: 'delivered', attachment: null, link: { id: links[0]?.id }, alreadyAttached: true }],
    });
  });
});
