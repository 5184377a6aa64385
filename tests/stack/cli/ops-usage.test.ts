import { describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOrder } from '../../../cli/ops/orders.ts';
import { startAwsProgram } from '../../support/aws-program.ts';
import { runCommandLine } from '../../support/run-command.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ ends: 'sockets' });

const ops = (args: string[], environment: Record<string, string> = {}) =>
  runCommandLine('cli/ops.ts', args, environment).ended;

describe('the usage of npm run ops', () => {
  it.each([
    [[], 'Name a command'],
    [['lists'], 'There is no command lists'],
    [['list', '--reason', 'x'], 'list takes no option --reason'],
    [['list', 'some'], 'list takes no names'],
    [['list', '--state', 'lost'], 'There is no state lost'],
    [['list', '--older-than', '2 days'], '--older-than 2 days is no age'],
    [['list', '--limit', 'many'], '--limit many is no whole number'],
    [['list', '--local', '--stage', 'dev'], 'Give only one of'],
    [['show', '42'], '42 is no id of an upload'],
    [['show'], 'Name one upload'],
    [['redrive', '--reason', 'x'], 'Name uploads, or choose them'],
    [['redrive', '--all'], '--reason is needed'],
    [['list', '--code', 'ipd_forbiden'], 'There is no code ipd_forbiden: it is one of size_mismatch, '],
    [['list', '--owner', ''], '--owner is empty'],
    [['list', '--owner', 'x', '--scan'], '--owner finds all of them without --scan'],
    [['cancel', '--reason', 'x'], 'Name the uploads'],
    [['cancel', '42', '--reason', 'x'], '42 is no id of an upload'],
    [['cancel', '00000000-0000-4000-8000-000000000000'], '--reason is needed'],
    [['erase', '--yes', '--reason', 'x'], '--owner is needed'],
    [['erase', '--owner', 'x', '--yes'], '--reason is needed'],
    [['erase', '--owner', 'x', '--reason', 'x'], 'This cannot be undone: run it with --dry-run'],
    [['logs', '--query', 'x'], 'Give --stage'],
    [['logs', '--stage', 'prod'], '--query is needed'],
    [['logs', 'delivery', '--stage', 'prod', '--query', 'x'], 'There is no log of delivery: it is one of'],
    [['rotate-key', '--stage', 'prod'], 'Name the key: ipd or signing'],
    [['rotate-key', 'ipd'], 'Give --stage'],
    [['rotate-key', 'signing', '--stage', 'prod', '--from', 'x'], 'signing takes no option --from'],
    [['rotate-key', 'ipd', '--stage', 'prod', '--check', '--from', 'x'], '--check writes nothing'],
    [['probe', '--project', 'x', '--issue', '1'], '--project is needed'],
    [['smoke', '--stage', 'dev', '--token', ''], '--token or UPLOAD_TOKEN is needed'],
    [['smoke'], 'Give --stage, --api or --local'],
  ])('does not allow %j', (args, message) => {
    expect(() => readOrder(args)).toThrow(message);
  });

  it('attaches nothing to a work item of a tenant before --yes confirms that this cannot be undone', () => {
    const item = ['--project', 'a'.repeat(32), '--issue', '956239067176935400'];

    expect(() => readOrder(['probe', ...item])).toThrow(/only a person can remove: give --yes/);
    expect(readOrder(['probe', ...item, '--yes'])).toMatchObject({ names: [] });
  });
});

describe('npm run ops', () => {
  it('answers wrong usage with one line and a hint, and explains itself', async () => {
    const [wrong, help] = await Promise.all([ops(['list', '--colour']), ops(['--help'])]);

    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toEqual(['There is no option --colour', 'Try --help.']);
    expect(help.code).toBe(0);
    expect(help.stdout[0]).toMatch(/^Usage: npm run ops/);
  });

  const nowhere = { STAGING_BUCKET: '', UPLOADS_TABLE: '', DELIVERY_QUEUE_URL: '' };

  it.each([
    [['list'], 'No deployment is named: give --stage, --settings or --local, or set STAGING_BUCKET, '],
    [['dead-letters'], 'No deployment is named: '],
    [['erase', '--owner', 'x', '--dry-run'], 'No deployment is named: '],
    [['list', '--local'], 'No stack is running: run npm start in another terminal first'],
    [['list', '--settings', '/nowhere.json'], '/nowhere.json cannot be read'],
    [
      ['list', '--stage', 'prod'],
      'There is no deployment of stage prod in this account in eu-central-1: no function ',
    ],
  ])('says in one line that there is no deployment, and fails: %j', async (args, words) => {
    const aws = await startAwsProgram();
    await aws.answer([]);
    const directory = join(tmpdir(), 'no stack was ever started here');

    const { code, stdout, stderr } = await ops(args, { ...nowhere, LOCAL_DATA_DIRECTORY: directory });
    await aws.stop();

    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: [''],
      stderr: [expect.stringContaining(words)],
    });
  });

  it('says that a stack that was started does not run any more', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'ops-'));
    // No system gives this port to a program.
    await writeFile(join(directory, 'keys.env'), 'AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:2\n');

    const { code, stderr } = await ops(['list', '--local'], { LOCAL_DATA_DIRECTORY: directory });

    expect(code).toBe(1);
    expect(stderr).toEqual([expect.stringMatching(/^The stack of .* does not run any more: run npm start/)]);
    await rm(directory, { recursive: true });
  });

  it('says that no region is set', async () => {
    const { code, stderr } = await ops(['list'], { AWS_REGION: '', AWS_CONFIG_FILE: '/nowhere' });

    expect(code).toBe(1);
    expect(stderr).toEqual([
      expect.stringMatching(/^Region /),
      'Set AWS_REGION or give --region: where the deployment is.',
    ]);
  });

  it('says which settings are missing, and that the table is not there, without a trace', async () => {
    const [bare, elsewhere] = await Promise.all([
      ops(['list'], { UPLOADS_TABLE: '' }),
      ops(['list', '--json'], { UPLOADS_TABLE: 'elsewhere' }),
    ]);

    expect(bare.code).toBe(1);
    expect(bare.stderr).toEqual([
      expect.stringMatching(/^No deployment is named: give --stage.*UPLOADS_TABLE/),
    ]);
    expect(elsewhere.code).toBe(1);
    expect(elsewhere.stderr.at(-1)).toMatch(/no such table in this account and region/);
    expect(JSON.parse(elsewhere.stdout.at(-1) ?? '')).toEqual({
      error: expect.stringContaining('no such table'),
    });
  });

  it('takes the settings of a stage from the AWS command line interface, or from a file', async () => {
    const open = await world.stage();
    const directory = await mkdtemp(join(tmpdir(), 'ops-'));
    const { STAGING_BUCKET, UPLOADS_TABLE, DELIVERY_QUEUE_URL, PATH } = process.env;
    const file = join(directory, 'settings.json');
    await writeFile(file, JSON.stringify({ STAGING_BUCKET, UPLOADS_TABLE, DELIVERY_QUEUE_URL }));
    const script = `#!/bin/sh\necho "$AWS_PROFILE $*" > ${directory}/asked\ncat ${file}\n`;
    await writeFile(join(directory, 'aws'), script, { mode: 0o755 });
    const bare = { STAGING_BUCKET: '', UPLOADS_TABLE: '', DELIVERY_QUEUE_URL: '' };

    const [byFile, byStage] = await Promise.all([
      ops(['list', '--settings', file], bare),
      ops(['list', '--json', '--stage', 'prod', '--region', 'eu-central-1'], {
        ...bare,
        PATH: `${directory}:${PATH ?? ''}`,
      }),
    ]);

    expect(byFile.stdout).toEqual([
      expect.stringMatching(/^ID +STATE/),
      expect.stringMatching(new RegExp(`^${open.id} +awaiting_upload`)),
    ]);
    expect(JSON.parse(byStage.stdout.at(-1) ?? '').uploads).toMatchObject([{ id: open.id }]);
    const asked = await readFile(join(directory, 'asked'), 'utf8');
    expect(asked).toContain('--function-name ipd-attachment-bridge-prod-uploads');
    expect(asked).toContain('--region eu-central-1');
    await rm(directory, { recursive: true });
  });
});
