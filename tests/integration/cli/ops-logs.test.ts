import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startAwsProgram } from '../../support/aws-program.ts';
import { operate } from '../../support/operator.ts';

let aws: Awaited<ReturnType<typeof startAwsProgram>>;
beforeAll(async () => {
  aws = await startAwsProgram();
});
afterAll(() => aws.stop());

const line = (fields: Record<string, string>) =>
  Object.entries(fields).map(([field, value]) => ({ field, value }));
const logs = (...args: string[]) => operate('logs', ...args, '--stage', 'prod');

describe('npm run ops -- logs', () => {
  it('asks the log groups of the functions, waits for the answer and prints its rows', async () => {
    await aws.answer([
      ['logs start-query', 'query-1'],
      ['logs get-query-results', { status: 'Running', results: [] }, 'once'],
      [
        'logs get-query-results --query-id query-1',
        {
          status: 'Complete',
          results: [line({ code: 'ipd_forbidden', uploads: '3', '@ptr': 'CmEK' }), line({ uploads: '1' })],
        },
      ],
    ]);
    const query = 'filter status = "failed" | stats count() as uploads by code';

    const { well, said, answer } = await logs('deliver', 'sweep', '--since', '1h', '--query', query);

    expect(well).toBe(true);
    expect(said).toEqual(['code           uploads', 'ipd_forbidden  3', '-              1']);
    expect(answer.rows).toEqual([{ code: 'ipd_forbidden', uploads: '3' }, { uploads: '1' }]);
    const [[, , ...started] = []] = await aws.asked();
    expect(started.slice(0, 4)).toEqual([
      '--log-group-names',
      '/aws/lambda/ipd-attachment-bridge-prod-deliver',
      '/aws/lambda/ipd-attachment-bridge-prod-sweep',
      '--start-time',
    ]);
    expect(Number(started[6]) - Number(started[4])).toBe(3600);
    expect(started).toContain(query);
  });

  it('asks all functions when none is named, and knows the access log', async () => {
    await aws.answer([
      ['logs start-query', 'query-1'],
      ['logs get-query-results', { status: 'Complete', results: [] }],
    ]);

    const { said } = await logs('--query', 'fields @message');
    await logs('api', '--query', 'fields @message');

    expect(said).toEqual(['No lines in the last 3h; --since looks further back.']);
    const groups = (await aws.asked()).flat().filter((word) => word.startsWith('/aws/'));
    expect(groups.map((group) => group.replace('ipd-attachment-bridge-prod', '…'))).toEqual([
      ...['uploads', 'uppy', 'attach', 'deliver', 'ingest', 'sweep'].map((name) => `/aws/lambda/…-${name}`),
      '/aws/http-api/…',
    ]);
  });

  it('says what the query has come to when that is no answer', async () => {
    await aws.answer([
      ['logs start-query', 'query-1'],
      ['logs get-query-results', { status: 'Failed', results: [] }],
    ]);

    const { well, said } = await logs('--query', 'nonsense');

    expect({ well, said }).toEqual({ well: false, said: ['The query ended as Failed'] });
  });
});
