import { afterAll, describe, expect, it } from '@jest/globals';
import { startFakeIpd } from '../../../local/ipd/server.ts';
import { ipdCredentials } from '../../support/local-keys.ts';
import { runCommandLine } from '../../support/run-command.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';

const world = await useWorld({ ends: 'sockets' });

// A process has one language, which its command line names: the texts are chosen when they are loaded.
const { argv } = process;
process.argv = ['node', 'cli/ops.ts', '--lang', 'zh-CN'];
const { operate } = await import('../../support/operator.ts');
const { readOrder } = await import('../../../cli/ops/orders.ts');
const { describeTrouble } = await import('../../../cli/ops/place.ts');
const { columnsOf } = await import('../../../cli/texts.ts');

afterAll(() => {
  process.argv = argv;
});

/** Members of an answer for programs that are English words: lines for people must not have them. */
const WORDED = new Set(['why', 'what', 'message', 'label', 'notReached', 'reason']);
const NAMES = /\b(?:IPD|ID|Uppy|JSON|JWT|Token|AWS|Retry-After|X-Project-Id|chunked|sha256)\b/g;

/** All texts and names of members that an answer has: ids, codes, settings, file names, IPD's own words. */
function valuesOf(answer: unknown): string[] {
  if (typeof answer === 'string') return [answer];
  if (typeof answer !== 'object' || answer === null) return [];
  return Object.entries(answer).flatMap(([name, value]) =>
    WORDED.has(name) ? [] : [name, ...valuesOf(value)],
  );
}

/** The English words of lines, apart from what is the same in every language. */
function englishIn(lines: string[], answer: unknown, ...given: string[]): string[] {
  const values = [...valuesOf(answer), ...given].filter((value) => /[a-z]{2}/i.test(value));
  const longestFirst = values.toSorted((one, other) => other.length - one.length);
  return lines.flatMap((line) => {
    const rest = longestFirst.reduce((text, value) => text.replaceAll(value, ''), line);
    const words = rest
      .replaceAll(NAMES, '')
      .replaceAll(/--[a-z-]+/g, '')
      .replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '')
      .replaceAll(/\b[A-Z]{2,}(?:_[A-Z]+)+\b/g, '')
      .match(/[A-Za-z]{2,}/g);
    return words === null ? [] : [`${words.join(' ')}: ${line}`];
  });
}

/** An upload that IPD has refused. */
async function refused() {
  await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'noPermission' } }]);
  const upload = await world.deliver();
  await world.faults([]);
  expect(upload.status).toBe('failed');
  return upload;
}

describe('npm run ops -- --lang zh-CN', () => {
  it('list has a table in Chinese, its columns in line', async () => {
    const failed = await refused();
    await world.stage();

    const { said, answer } = await operate('list');
    const none = await operate('list', '--state', 'delivered');

    expect(said[0]).toMatch(/^ID +状态 +错误码 +已创建 +距下次处理 +尝试次数 +字节数 +项目ID +工作项ID$/);
    const place = (line: string, words: string) => columnsOf(line.slice(0, line.indexOf(words)));
    const row = said.find((line) => line.startsWith(failed.id)) ?? '';
    expect(place(row, projectId)).toBe(place(said[0] ?? '', '项目ID'));
    expect(englishIn(said, answer)).toEqual([]);
    expect(none.said).toEqual([
      '待处理索引中没有符合条件的上传任务。',
      '已结束的上传任务不在索引中：--scan会读取整张表来查找，将产生费用。',
    ]);
  });

  it('show tells the error and the history in Chinese, and in the answer for programs in English', async () => {
    const failed = await refused();

    const { said, answer } = await operate('show', failed.id);

    expect(said).toContainEqual(expect.stringMatching(/^状态 {11}failed$/));
    expect(said).toContainEqual(
      expect.stringMatching(/^错误 {11}ipd_forbidden：服务账号在IPD中没有权限向该工作项添加附件。/),
    );
    expect(said.at(-2)).toMatch(/delivering，第1次尝试$/);
    expect(englishIn(said, answer)).toEqual([]);
    expect(answer.history.map(({ what }: { what: string }) => what)).toEqual([
      'created',
      'delivering, attempt 1',
      'failed, ipd_forbidden',
    ]);
  });

  it('redrive and cancel say why an upload stays, and say it to programs in English', async () => {
    const failed = await refused();
    const delivered = await world.deliver();
    const absent = '00000000-0000-4000-8000-000000000000';

    const trial = await operate('redrive', '--dry-run', failed.id, delivered.id, absent);
    const cancelled = await operate('cancel', delivered.id, '--reason', '重复');

    expect(trial.said.toSorted()).toEqual(
      [
        `${absent}  保持不变：该上传任务不存在`,
        `${failed.id}  如果执行，会重新发送`,
        `${delivered.id}  保持不变：状态为delivered，只有失败的上传任务才能重试`,
        '共3个，如果执行，其中1个会重试。',
      ].toSorted(),
    );
    expect(trial.answer.outcomes).toEqual([
      { id: absent, why: 'there is no such upload' },
      { id: failed.id, status: 'staged' },
      { id: delivered.id, why: 'it is delivered, only a failed one is tried again' },
    ]);
    expect(cancelled.said).toEqual([`${delivered.id}  保持不变：状态为delivered，IPD已收到文件`]);
    expect(cancelled.answer.outcomes).toEqual([{ id: delivered.id, why: 'it is delivered: IPD has it' }]);
  });

  it('erase says what IPD keeps', async () => {
    const { owner } = await world.deliver();

    const { said, answer } = await operate('erase', '--owner', owner, '--dry-run');

    expect(said[0]).toBe('如果执行，会结束0个Uppy会话');
    expect(said).toContainEqual(expect.stringMatching(/IPD中仍保留附件\d+：项目\w+，工作项\d+$/));
    expect(englishIn(said, answer, 'delivered', 'failed', 'awaiting_upload', 'docs/security.md')).toEqual([]);
  });

  it('dead-letters counts them', async () => {
    expect((await operate('dead-letters')).said).toEqual(['共0条死信消息。']);
  });

  it('a failure is said in Chinese, and to programs in English', async () => {
    const id = '00000000-0000-4000-8000-000000000000';

    const { well, said, answer } = await operate('show', id);

    expect(well).toBe(false);
    expect(said).toEqual([`上传任务${id}不存在`]);
    expect(answer).toEqual({ error: `There is no upload ${id}` });
  });

  it.each([
    [[]],
    [['lists']],
    [['list', '--reason', 'x']],
    [['list', 'some']],
    [['list', '--state', 'lost']],
    [['list', '--code', 'lost']],
    [['list', '--source', 'lost']],
    [['list', '--older-than', '2 days']],
    [['list', '--limit', 'many']],
    [['list', '--local', '--stage', 'dev']],
    [['list', '--owner', '']],
    [['list', '--lang', 'fr']],
    [['show']],
    [['show', '42']],
    [['redrive', '--reason', 'x']],
    [['redrive', '--all']],
    [['cancel', '--reason', 'x']],
    [['erase', '--yes', '--reason', 'x']],
    [['erase', '--owner', 'x', '--reason', 'x']],
    [['logs', '--query', 'x']],
    [['logs', 'delivery', '--stage', 'prod', '--query', 'x']],
    [['rotate-key', '--stage', 'prod']],
    [['rotate-key', 'ipd', '--stage', 'prod', '--check', '--from', 'x']],
    [['probe', '--project', 'x', '--issue', '1']],
    [['probe', '--project', projectId, '--issue', issueId]],
    [['smoke', '--stage', 'dev', '--token', '']],
    [['smoke']],
  ])('says what is wrong with %j', (args) => {
    let words = '';
    try {
      readOrder(args);
    } catch (error) {
      words = describeTrouble(error);
    }

    const own = ['ipd或signing', '30m、2h或3d', 'CloudWatch Logs Insights', 'sub', 'signing', 'zh-CN'];
    expect(words).toMatch(/\p{Script=Han}/u);
    expect(englishIn([words.replace(/可选值.*$/, '')], undefined, ...args, ...own)).toEqual([]);
  });

  it('is a language of the command, with its own usage', async () => {
    const ops = (...args: string[]) => runCommandLine('cli/ops.ts', args, { LC_ALL: 'zh_CN.UTF-8' }).ended;
    const [help, wrong, english] = await Promise.all([
      ops('--help'),
      ops('list', '--colour'),
      ops('lists', '--lang', 'en'),
    ]);

    expect(help.stdout[0]).toBe('用法：npm run ops -- 命令 [选项]');
    expect(wrong).toMatchObject({ code: 2, stderr: ['没有选项--colour', '使用--help查看帮助。'] });
    expect(english).toMatchObject({ code: 2, stderr: ['There is no command lists', 'Try --help.'] });
  });
});

describe('npm run ops -- probe --lang zh-CN', () => {
  it('finds the limits of a tenant and says them in Chinese, with the words of IPD as they are', async () => {
    const environment = { ...process.env };
    const ipd = await startFakeIpd({
      port: 0,
      credentials: ipdCredentials,
      maxFileBytes: 123_456,
      maxSignedBodyBytes: 60_000,
      maxNameLength: 256,
      rejectEmoji: true,
      refusesChunked: true,
      uploadResult: 'null',
      rateLimit: { uploadsPerSecond: 5, retryAfterSeconds: 1 },
    });
    Object.assign(process.env, {
      IPD_ENDPOINT: ipd.url,
      IPD_IAM_ENDPOINT: ipd.url,
      IPD_CREDENTIALS: JSON.stringify(ipdCredentials),
    });
    const fast = ['--sizes', '50000,200000', '--rate-seconds', '4', '--slow-seconds', '0'];

    const item = ['--project', projectId, '--issue', issueId, '--yes', '--quiet-seconds', '1'];
    const { well, said, answer } = await operate('probe', ...item, ...fast);
    process.env = environment;
    await ipd.close();

    expect(well).toBe(true);
    expect(said).toEqual(
      expect.arrayContaining([
        '响应中的附件ID：没有，因此每次传输都要查询；字段：无',
        '文件名（普通）：已接收',
        expect.stringMatching(/^文件名（表情符号）：被拒绝：HTTP 400 PM\.02101004/),
        expect.stringMatching(/^流控：上传\d+个后触发：HTTP 429 .*；Retry-After：1$/),
        expect.stringMatching(/^文件大小（aksk）：接收了50000字节，200000字节被拒绝：HTTP 413/),
        '建议的配置：',
      ]),
    );
    expect(englishIn(said, answer, ipd.url, 'aksk', 'token')).toEqual([]);
    expect(answer.findings.names[1].label).toBe('the same again');
    expect(Object.values(answer.notReached).join('')).not.toMatch(/\p{Script=Han}/u);
  });

  it('tries links and comments, and says in Chinese what it found', async () => {
    const environment = { ...process.env };
    const ipd = await startFakeIpd({
      port: 0,
      credentials: ipdCredentials,
      rejectEmoji: true,
      forbiddenOperations: ['linkDelete'],
    });
    Object.assign(process.env, {
      IPD_ENDPOINT: ipd.url,
      IPD_IAM_ENDPOINT: ipd.url,
      IPD_CREDENTIALS: JSON.stringify(ipdCredentials),
    });

    const { well, said } = await operate(
      'probe',
      '--project',
      projectId,
      '--issue',
      issueId,
      '--yes',
      '--links',
    );
    process.env = environment;
    await ipd.close();

    expect(well).toBe(false);
    expect(said).toEqual(
      expect.arrayContaining([
        '链接列表：可以读取，原有0个链接',
        '新建链接：已接收，响应中有链接ID，格式与API文档一致',
        expect.stringMatching(/^标题（表情符号）：被拒绝：HTTP 400 PM\.02101004/),
        '再次添加相同的URL：已接收，列表中显示2次',
        expect.stringMatching(/^删除链接：被拒绝，身份策略须允许codeartsreq:plan:delete：HTTP 403/),
        '新建评论：已接收',
        '不能使用OVERSIZE=link：IPD未接收所需的每个调用',
        '可以使用COMMENT_ON_DELIVERY=on',
      ]),
    );
  });
});
