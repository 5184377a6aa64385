import { describe, expect, it } from '@jest/globals';
import { createRecording } from '../../../cli/ops/transcript.ts';
import type { RawAnswer } from '../../../cli/ops/transcript.ts';
import { transcriptSchema } from '../../../local/ipd/transcript.ts';

const project = 'fedcba9876543210fedcba9876543210';
const issue = '956239067176935400';
const own = {
  operation: 'upload',
  auth: 'aksk',
  filename: 'probe.txt',
  size: 5,
  chunked: false,
  trickleSeconds: 0,
} as const;

/** The transcript of these answers to a list. */
function recorded(...answers: Partial<RawAnswer>[]) {
  const recording = createRecording([project, issue]);
  for (const answer of answers) {
    recording.record({ operation: 'list' }, { status: 200, headers: {}, text: '', ...answer });
  }
  return recording.transcript();
}

const said = (json: unknown) => ({ text: JSON.stringify(json) });
const first = (...answers: Parameters<typeof recorded>) => recorded(...answers).exchanges[0]?.answer;

describe('a transcript', () => {
  it('has the same other id everywhere, of the same form, and the work item first', () => {
    const result = [{ id: '956239067176935477', issue_id: issue, disk_directory: `${project}/${issue}` }];
    const text = said({ result, error_msg: `956239067176935477 of ${project} is locked` });

    expect(first(text)).toMatchObject({
      json: {
        result: [
          {
            id: '100000000000000003',
            issue_id: '100000000000000002',
            disk_directory: `${'0'.repeat(31)}1/100000000000000002`,
          },
        ],
        error_msg: `100000000000000003 of ${'0'.repeat(31)}1 is locked`,
      },
    });
  });

  it('has other names of files and people, and those that we gave as they are', () => {
    const recording = createRecording([]);
    const result = [
      { file_name: 'probe.txt', created_by: { name: 'wang', nick_name: '王伟' } },
      { file_name: '王伟的简历.PDF', created_by: { name: 'wang', nick_name: '' } },
    ];
    recording.record(own, {
      status: 200,
      headers: {},
      ...said({ result, message: '王伟的简历.PDF by wang' }),
    });

    expect(recording.transcript().exchanges).toEqual([
      {
        request: own,
        answer: {
          status: 200,
          headers: {},
          json: {
            result: [
              { file_name: 'probe.txt', created_by: { name: 'name-1', nick_name: 'name-2' } },
              { file_name: 'name-3.PDF', created_by: { name: 'name-1', nick_name: '' } },
            ],
            message: 'name-3.PDF by name-1',
          },
        },
      },
    ]);
  });

  it('has nothing of the links and comments of others, and our own as they are', () => {
    const user = '0123456789abcdef0123456789abcdef';
    const row = { id: '956239067176935477', created_by: user, domain_id: 'fedcba98'.repeat(4) };
    const links = {
      result: {
        data: {
          result: [
            { ...row, title: 'contract of Wang', url: 'https://wang.example.com/s/secret' },
            { ...row, title: 'probe', url: 'https://example.com/probe' },
          ],
          page: { page: '1', size: '2', count: '2' },
        },
        count: '2',
      },
    };
    const comments = {
      result: {
        total: 2,
        comment_list: [
          { ...row, description: 'Wang called 139 0000 0000' },
          { ...row, description: '<p>probe</p>', creator_info: { user_id: user, user_name: 'wang' } },
        ],
      },
    };
    const deleted = { result: { success: ['956239067176935477'], fail: [user] } };
    const recording = createRecording([]);
    const made = { operation: 'linkCreate', title: 'probe', url: 'https://example.com/probe' } as const;
    recording.record(made, undefined);
    recording.record({ operation: 'commentCreate', html: '<p>probe</p>' }, undefined);
    recording.record({ operation: 'linkList' }, { status: 200, headers: {}, ...said(links) });
    recording.record({ operation: 'commentList' }, { status: 200, headers: {}, ...said(comments) });
    recording.record({ operation: 'linkDelete', ordinal: 1 }, { status: 200, headers: {}, ...said(deleted) });

    const { exchanges, unlisted } = recording.transcript();

    expect(unlisted).toEqual([]);
    expect(JSON.stringify(exchanges)).not.toMatch(/wang|139|956239|fedcba98|0123456789abcdef/i);
    expect(exchanges[2]).toMatchObject({
      answer: {
        json: {
          result: {
            data: {
              result: [
                { title: 'name-1', url: 'name-2' },
                { title: 'probe', url: made.url },
              ],
            },
            count: '2',
          },
        },
      },
    });
    expect(exchanges[3]).toMatchObject({
      answer: {
        json: { result: { comment_list: [{ description: 'name-3' }, { description: '<p>probe</p>' }] } },
      },
    });
  });

  it('has no value of a member that is not listed, and says where there was one', () => {
    const result = [{ id: '1', owner_phone: '13900000000', 王伟: 1 }, { owner_phone: 'x' }];

    const { unlisted, exchanges } = recorded(said({ result, extra: { secret: 's' } }));

    expect(unlisted).toEqual(['extra', 'result[].[withheld]', 'result[].owner_phone']);
    expect(JSON.stringify(exchanges)).not.toMatch(/139|王伟|secret/);
  });

  it.each([
    ['a signed request', 'canonicalRequest: GET|/v1/x|host', 'canonicalRequest [redacted]'],
    ['a token', 'x-auth-token: token-of-iam', 'x-auth-token:[redacted]'],
    [
      'an id that no member has',
      'account 0123456789abcdef0123 is locked',
      `account ${'0'.repeat(19)}3 is locked`,
    ],
    ['a UUID', '0198a1b2-c3d4-4e5f-8a9b-0123456789ab', '00000000-0000-0000-0000-000000000003'],
  ])('shows nothing of %s in a text', (_what, text, shown) => {
    const { json } = Object.assign({ json: undefined }, first(said({ message: text })));

    expect(json).toEqual({ message: shown });
  });

  it('withholds a word, a time or a number that is none', () => {
    const text = said({ type: 'two words', created_date: 'by Wang', file_size: 'much', status: 'done' });

    expect(first(text)).toMatchObject({
      json: { type: '[withheld]', created_date: '[withheld]', file_size: '[withheld]', status: 'done' },
    });
  });

  it('has the listed headers alone', () => {
    const headers = {
      'content-type': 'application/json',
      'retry-after': '3',
      'x-apig-ratelimit-api': 'remain:9,limit:10,time:1 second',
      'x-apig-ratelimit-user': '"quoted"',
      'x-subject-token': 'token-of-iam',
      'set-cookie': 'a=b',
      date: 'now',
    };

    expect(first({ headers })).toEqual({
      status: 200,
      headers: {
        'content-type': 'application/json',
        'retry-after': '3',
        'x-apig-ratelimit-api': 'remain:9,limit:10,time:1 second',
        'x-apig-ratelimit-user': '[withheld]',
      },
      other: 'empty',
    });
  });

  it.each([
    ['', 'empty'],
    [' <html>Wang</html>', 'page'],
    ['Wang', 'text'],
  ])('says what a body is that is no JSON: %j', (text, other) => {
    expect(first({ text })).toEqual({ status: 200, headers: {}, other });
  });

  it('says where no answer came, and is read as it was written', () => {
    const recording = createRecording([project]);
    recording.record({ operation: 'token' }, undefined);
    recording.record(own, { status: 200, headers: {}, ...said({ result: [{ id: 12 }] }) });
    const transcript = recording.transcript();

    expect(transcript.exchanges[0]).toEqual({ request: { operation: 'token' }, answer: { lost: true } });
    expect(transcriptSchema.parse(JSON.parse(JSON.stringify(transcript)))).toEqual(transcript);
  });
});
