import { expect, it } from '@jest/globals';
import { join } from 'node:path';
import { NEEDED_SETTINGS } from '../../bench/packaged.ts';
import { runCommandLine } from '../support/run-command.ts';
import { useDirectory } from '../support/use-directory.ts';

const program = join(import.meta.dirname, '../../tools/node_modules/serverless/bin/serverless.js');
const directory = await useDirectory();

it('serverless package ends with 1 and a line for each wrong setting, before it has made anything', async () => {
  const { code, stderr, stdout } = await runCommandLine(program, ['package', '--package', directory], {
    ...NEEDED_SETTINGS,
    AWS_REGION: 'eu-central-1',
    MAX_FILE_BYTES: '50MB',
    LOG_RETENTION_DAYS: '31',
    ISSUER_URL: '',
  }).ended;

  expect(code).toBe(1);
  const lines = [...stdout, ...stderr];
  expect(lines.filter((line) => /^[A-Z_]+: /.test(line)).map((line) => line.split(':')[0])).toEqual([
    'MAX_FILE_BYTES',
    'LOG_RETENTION_DAYS',
    'ISSUER_URL',
  ]);
});
