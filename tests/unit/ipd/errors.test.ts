import { describe, expect, it } from '@jest/globals';
import { classify, redact } from '../../../lib/ipd/errors.ts';
import type { Verdict } from '../../../lib/ipd/errors.ts';

/** What a row of the tables below expects: a kind, or the code of a refusal. */
function meaningOf(verdict: Verdict): string {
  return verdict.kind === 'refused' ? verdict.code : verdict.kind;
}

function answer(status: number, body: unknown, headers: Record<string, string> = {}) {
  return { status, headers, text: typeof body === 'string' ? body : JSON.stringify(body) };
}

function detailOf(verdict: Verdict): string {
  if (verdict.kind === 'success') throw new Error('a success has no detail');
  return verdict.detail;
}

describe("CodeArts Req's codes", () => {
  it.each([
    ['PM.02153001', 'throttled'],
    ['PM.10001002', 'token_dead'],
    ['PM.02150010', 'ipd_forbidden'],
    ['PM.02150301', 'ipd_forbidden'],
    ['PM.02150302', 'ipd_forbidden'],
    ['PM.02150303', 'ipd_forbidden'],
    ['PM.02150304', 'ipd_forbidden'],
    ['PM.02150305', 'ipd_forbidden'],
    ['PM.02150404', 'work_item_missing'],
    ['PM.02152001', 'ipd_refused'],
    ['PM.02152003', 'ipd_refused'],
    ['PM.02175006', 'ipd_refused'],
    ['PM.02152002', 'unconfirmed'],
    ['PM.02152005', 'work_item_missing'],
    ['PM.02175101', 'ipd_refused'],
    ['PM.02175103', 'ipd_forbidden'],
    ['PM.02175104', 'work_item_missing'],
    ['PM.10002006', 'ipd_refused'],
    ['PM.02174103', 'ipd_forbidden'],
    ['PM.02177003', 'ipd_forbidden'],
    ['PM.02100001', 'ipd_refused'],
    ['PM.02175301', 'ipd_refused'],
    ['PM.02101004', 'name_refused'],
    ['PARSE_REQUEST_DATA_EXCEPTION', 'ipd_refused'],
    ['PM.99999999', 'ipd_refused'],
  ])('%s in a 400 means %s', (code, meaning) => {
    expect(meaningOf(classify(answer(400, { error_code: code, error_msg: 'words' })))).toBe(meaning);
  });
});

const GATEWAY: [numbers: string[], statuses: number[], meaning: string][] = [
  // So it answers for minutes while an API is changed there; one that goes on so ends an upload by the retry window.
  [['0101', '0103'], [404], 'unavailable'],
  [['0101', '0103'], [400], 'ipd_refused'],
  [['0104', '0105', '0106'], [400, 404], 'ipd_refused'],
  [['0103'], [500, 502, 503], 'unconfirmed'],
  [['0104', '0105', '0106'], [500], 'ipd_refused'],
  [['0201'], [400, 414, 494], 'ipd_refused'],
  [['0201'], [413], 'too_large_for_ipd'],
  [['0201'], [500, 502, 504], 'unconfirmed'],
  [['0202'], [502], 'unconfirmed'],
  [['0203'], [504], 'unconfirmed'],
  [['0301', '0303', '0305', '0311'], [401], 'locked_out'],
  [['0302', '0304', '0306', '0310'], [403], 'ipd_forbidden'],
  [['0307'], [401], 'token_dead'],
  [['0308'], [429], 'throttled'],
  [['0401', '0402', '0404'], [403], 'ipd_forbidden'],
  [['0501', '0502'], [405], 'ipd_refused'],
  [['0601', '0605', '0606', '0608', '0609', '0611', '0612', '0705'], [500], 'unconfirmed'],
  [['0602', '0607'], [400], 'ipd_refused'],
  // "No backend" does not say that there was none when the body was sent: only 0613 comes surely before.
  [['0610'], [502], 'unconfirmed'],
  [['0613'], [503], 'unavailable'],
  [['0801', '0802'], [403], 'ipd_forbidden'],
];

describe("the gateway's codes", () => {
  const rows = GATEWAY.flatMap(([numbers, statuses, meaning]) =>
    ['APIGW.', 'APIG.'].flatMap((prefix) =>
      numbers.flatMap((number) => statuses.map((status) => [`${prefix}${number}`, status, meaning] as const)),
    ),
  );
  it.each(rows)('%s with HTTP %i means %s', (code, status, meaning) => {
    const body = { error_code: code, error_msg: 'words', request_id: 'r-1' };

    expect(meaningOf(classify(answer(status, body)))).toBe(meaning);
  });

  it.each([
    ['verify aksk signature fail', 'locked_out'],
    ['AK access failed to reach the limit,forbidden', 'locked_out'],
    ['Get secretKey failed,ak EXAMPLE not exist', 'locked_out'],
    ['x-auth-token not found', 'locked_out'],
    ['decrypt token fail', 'token_dead'],
    ['token expires, expires_at 2026', 'token_dead'],
  ])('0301 that says "%s" means %s', (words, meaning) => {
    const body = {
      error_code: 'APIGW.0301',
      error_msg: `Incorrect IAM authentication information: ${words}`,
    };

    expect(meaningOf(classify(answer(401, body)))).toBe(meaning);
  });
});

describe('situations of an upload', () => {
  it.each([
    ['a throttle without a body', 429, '', 'throttled'],
    ['a 401 without a body', 401, '', 'locked_out'],
    ['a body that is too large, reported by a proxy', 413, '<html>413</html>', 'too_large_for_ipd'],
    ['400', 400, '', 'ipd_refused'],
    ['403', 403, '', 'ipd_forbidden'],
    ['404 without a code', 404, '<html>404</html>', 'unconfirmed'],
    ['404 with words and no code', 404, { error_msg: 'Not found.' }, 'unconfirmed'],
    ['404 with a code of the service', 404, { error_code: 'PM.99999999' }, 'ipd_refused'],
    ['405', 405, '', 'ipd_refused'],
    ['408', 408, '', 'unconfirmed'],
    ['500', 500, '', 'unconfirmed'],
    ['502', 502, '', 'unconfirmed'],
    ['503 without a code', 503, '', 'unconfirmed'],
    ['504', 504, '', 'unconfirmed'],
    ['a redirect', 302, '', 'unconfirmed'],
    ['another success', 204, '', 'unconfirmed'],
    ['200 and success', 200, { status: 'success', message: null, result: null }, 'success'],
    ['200 and an error', 200, { status: 'error', message: 'no', result: null }, 'ipd_refused'],
    ['200 and a failure', 200, { status: 'failed', message: 'no' }, 'ipd_refused'],
    ['200 and another word', 200, { status: 'SUCCESS', message: null }, 'ipd_refused'],
    ['200 without a word but with a code', 200, { error_code: 'PM.02152001' }, 'ipd_refused'],
    ['200 and a throttle in a code', 200, { status: 'error', error_code: 'PM.02153001' }, 'throttled'],
    [
      '200 and a throttle in words',
      200,
      { status: 'error', message: 'Access frequency is too high' },
      'throttled',
    ],
    [
      '200 and the gateway words',
      200,
      { status: 'error', message: 'api over ratelimit,limit:5' },
      'throttled',
    ],
    ['200 and too many requests', 200, { status: 'failed', message: 'Too many requests.' }, 'throttled'],
    [
      '200 and too many files',
      200,
      { status: 'error', message: 'There are too many attachments.' },
      'ipd_refused',
    ],
    [
      '200 and a size too high',
      200,
      { status: 'error', message: 'The file size is too high.' },
      'ipd_refused',
    ],
    ['200 and HTML', 200, '<html></html>', 'unconfirmed'],
    ['200 and nothing', 200, '', 'unconfirmed'],
    ['200 and half of a success', 200, '{"status":"success","mess', 'unconfirmed'],
    ['200 and a list', 200, [], 'unconfirmed'],
    ['200 and null', 200, 'null', 'unconfirmed'],
    ['200 and a status that is no word', 200, { status: 1 }, 'unconfirmed'],
  ])('%s', (_name, status, body, meaning) => {
    expect(meaningOf(classify(answer(status, body)))).toBe(meaning);
  });

  it('hands over the body of a success as it is', () => {
    const body = { status: 'success', message: null, result: [{ id: '956239067176935400' }] };

    expect(classify(answer(200, body))).toEqual({ kind: 'success', body });
  });
});

describe('shapes of a body', () => {
  it.each([
    ['error_code, error_msg', { error_code: 'PM.02174103', error_msg: 'No permission.' }],
    ['code, message', { code: 'PM.02174103', message: 'No permission.' }],
    ['a nested error', { error: { code: 'PM.02174103', message: 'No permission.' } }],
    [
      'an encoded authorization message beside it',
      { code: 'PM.02174103', message: 'No permission.', encoded_authorization_message: 'XyZ' },
    ],
    ['fields of other types', { status: 7, error_code: 'PM.02174103', error_msg: 'No permission.', code: 3 }],
  ])('%s', (_name, body) => {
    expect(classify(answer(400, body))).toEqual({
      kind: 'refused',
      code: 'ipd_forbidden',
      detail: 'HTTP 400 PM.02174103 No permission.',
    });
  });

  it('status and message in a 200', () => {
    const verdict = classify(answer(200, { status: 'failed', message: 'Missing parameter.' }));

    expect(detailOf(verdict)).toBe('HTTP 200 Missing parameter.');
  });

  it("IAM's number for a code", () => {
    const body = { error: { code: 401, message: 'The password is wrong.', title: 'Unauthorized' } };

    expect(detailOf(classify(answer(401, body)))).toBe('HTTP 401 401 The password is wrong.');
  });

  it('the request id of the header, or else of the body', () => {
    const body = { error_code: 'APIG.0101', error_msg: 'gone', request_id: 'of-body' };

    expect(detailOf(classify(answer(404, body)))).toBe('HTTP 404 APIGW.0101 gone (request of-body)');
    expect(detailOf(classify(answer(404, body, { 'x-request-id': 'of-header' })))).toBe(
      'HTTP 404 APIGW.0101 gone (request of-header)',
    );
  });
});

describe('a throttle', () => {
  it.each([
    ["the gateway's code", 429, { error_code: 'APIGW.0308' }, true],
    ["the gateway's code in its other form", 429, { error_code: 'APIG.0308' }, true],
    ["the service's code", 400, { error_code: 'PM.02153001' }, true],
    ["the service's code in a 200", 200, { status: 'error', error_code: 'PM.02153001' }, true],
    ['a 429 without a body', 429, '', false],
    ['the page of a proxy', 429, '<html>Too many requests</html>', false],
    ['a 429 with words and no code', 429, { error_msg: 'api over ratelimit' }, false],
    ['a code that is not documented', 429, { error_code: 'PM.99999999' }, false],
    ['words in a 200', 200, { status: 'error', message: 'Too many requests.' }, false],
  ])('says that nothing was stored only by a documented code: %s', (_name, status, body, isRefusal) => {
    expect(classify(answer(status, body))).toMatchObject({ kind: 'throttled', isRefusal });
  });
});

describe('Retry-After', () => {
  it.each([
    ['7', 7000],
    ['0', 0],
    ['Wed, 21 Oct 2026 07:28:00 GMT', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['', undefined],
    ['99999999', undefined],
  ])('"%s" is read as %s ms', (value, retryAfterMs) => {
    const gateway = classify(answer(429, '', { 'retry-after': value }));
    const service = classify(answer(400, { error_code: 'PM.02153001' }, { 'retry-after': value }));

    expect(gateway).toHaveProperty('kind', 'throttled');
    expect('retryAfterMs' in gateway ? gateway.retryAfterMs : undefined).toBe(retryAfterMs);
    expect('retryAfterMs' in service ? service.retryAfterMs : undefined).toBe(retryAfterMs);
  });
});

describe('the detail that is kept of an error text', () => {
  const echo = [
    'POST|/v1/ipdprojectservice/projects/p/|',
    'host:projectman-ext|x-auth-token:SECRET-1|x-security-token:SECRET-2|',
    '|host;x-auth-token|UNSIGNED-PAYLOAD',
  ].join('|');

  it.each([
    ['canonicalRequest', `verify aksk signature fail, canonicalRequest: ${echo}`],
    ['canonical request', `verify aksk signature fail, canonical request:${echo}`],
    ['canonical_request', `verify aksk signature fail, canonical_request=${echo}`],
    ['no word for it', `verify aksk signature fail, ${echo}`],
    ['quoted names', 'headers {"X-Auth-Token":"SECRET-1","x-security-token": "SECRET-2"}'],
    [
      'an Authorization',
      'bad authorization: SDK-HMAC-SHA256 Access=SECRET-1, SignedHeaders=h, Signature=SECRET-2',
    ],
    ['parts of an Authorization', 'bad Access=SECRET-1, SignedHeaders=host;x, Signature=SECRET-2 here'],
  ])('an echoed request loses its header values: %s', (_name, message) => {
    const verdict = classify(answer(401, { error_code: 'APIGW.0301', error_msg: message }));

    expect(detailOf(verdict)).not.toContain('SECRET');
    expect(detailOf(verdict)).toContain('HTTP 401 APIGW.0301');
  });

  it.each([
    ['ak HPUA0123456789ABCDEF not exist', 'ak [redacted] not exist'],
    ['The access key id: HPUA0123456789ABCDEF is locked', 'The access key id: [redacted] is locked'],
    [
      'user bridge-bot of domain acme has no permission',
      'user [redacted] of domain [redacted] has no permission',
    ],
    ['User BRIDGE-BOT (ACME) has no permission', 'User [redacted] ([redacted]) has no permission'],
    ['用户bridge-bot无权限, 租户acme', '用户[redacted]无权限, 租户[redacted]'],
    ['domain id 0123456789abcdef0123456789abcdef is frozen', 'domain id [redacted] is frozen'],
  ])('our key, user and account are no words for a user: %s', (message, expected) => {
    const own = ['HPUA9999999999ZZZZZZ', 'bridge-bot', 'acme'];

    expect(detailOf(classify(answer(403, { error_code: 'PM.1', error_msg: message }), own))).toBe(
      `HTTP 403 PM.1 ${expected}`,
    );
  });

  it('a name of the bridge within a longer word, and the codes of IPD, stay', () => {
    const message = 'bridge-bots and acmeville may, PM may not';

    expect(
      detailOf(
        classify(answer(403, { error_code: 'PM.1', error_msg: message }), ['bridge-bot', 'acme', 'PM']),
      ),
    ).toBe('HTTP 403 PM.1 bridge-bots and acmeville may, [redacted] may not');
  });

  it('keeps the text before the echo', () => {
    expect(redact(`verify aksk signature fail, canonicalRequest: ${echo}`)).toBe(
      'verify aksk signature fail, canonicalRequest [redacted]',
    );
  });

  it.each([
    [
      'url https://b.example.com/v1/files/0b8e-1/Secret-1_x is bad',
      'url https://b.example.com/v1/files/0b8e-1/[redacted] is bad',
    ],
    [
      String.raw`{"url":"https:\/\/b.example.com\/v1\/files\/0b8e-1\/Secret1"}`,
      String.raw`{"url":"https:\/\/b.example.com\/v1\/files\/0b8e-1\/[redacted]"}`,
    ],
    [
      'https%3A%2F%2Fb%2Fv1%2Ffiles%2F0b8e%2FSecret1 and',
      'https%3A%2F%2Fb%2Fv1%2Ffiles%2F0b8e%2F[redacted] and',
    ],
    ['b%252Fv1%252Ffiles%252F0b8e%252fSecret1', 'b%252Fv1%252Ffiles%252F0b8e%252f[redacted]'],
    [
      'https:&#x2F;&#47;b&#47;v1&#x2f;files&#x2F;0b8e&#x2F;Secret1',
      'https:&#x2F;&#47;b&#47;v1&#x2f;files&#x2F;0b8e&#x2F;[redacted]',
    ],
    [
      '"/v1/files/0b8e/Secret1" and </v1/files/0b8f/Secret1>',
      '"/v1/files/0b8e/[redacted]" and </v1/files/0b8f/[redacted]>',
    ],
    ['/V1/FILES/0b8e/Secret1', '/V1/FILES/0b8e/[redacted]'],
    ['/v1/files/0b8e is no such route', '/v1/files/0b8e is no such route'],
  ])('takes the secret of a linked file out, and keeps its id: %s', (text, expected) => {
    expect(redact(text)).toBe(expected);
    expect(detailOf(classify(answer(400, { error_code: 'PM.1', error_msg: text })))).toBe(
      `HTTP 400 PM.1 ${expected}`,
    );
  });

  it('is short, even when the answer is long', () => {
    const long = 'x'.repeat(100_000);
    const body = { error_code: long, error_msg: long, request_id: long };

    expect(detailOf(classify(answer(400, body))).length).toBeLessThan(400);
    expect(detailOf(classify(answer(400, { error_msg: long }))).length).toBeLessThan(400);
  });
});

describe('an answer that is no refusal', () => {
  it.each([
    ['token_dead', answer(401, { error_code: 'APIGW.0307' })],
    ['locked_out', answer(401, '')],
    ['unavailable', answer(503, { error_code: 'APIGW.0613' })],
    ['unconfirmed', answer(500, '')],
  ])('ends no upload: %s', (kind, raw) => {
    expect(classify(raw)).toEqual({ kind, detail: expect.stringContaining(`HTTP ${raw.status}`) });
  });
});

describe('a status at the edge of a range', () => {
  it.each([
    [399, 'unconfirmed'],
    [400, 'ipd_refused'],
    [499, 'ipd_refused'],
    [500, 'unconfirmed'],
  ])('%i means %s', (status, meaning) => {
    expect(meaningOf(classify(answer(status, '')))).toBe(meaning);
  });
});

describe('a success', () => {
  it('has status 200: another one that says so is no answer of IPD', () => {
    expect(classify(answer(201, { status: 'success' }))).toMatchObject({ kind: 'unconfirmed' });
  });

  it('has up to 64 characters of the id of its exchange', () => {
    const id = 'r'.repeat(65);

    expect(classify(answer(200, { status: 'success' }, { 'x-request-id': id }))).toMatchObject({
      requestId: 'r'.repeat(64),
    });
    expect(classify(answer(200, { status: 'success' }, { 'x-request-id': 'r'.repeat(63) }))).toMatchObject({
      requestId: 'r'.repeat(63),
    });
  });
});

describe('a body with several codes', () => {
  it.each([
    [{ error_code: 'PM.1', code: 'PM.2', error: { code: 'PM.3' } }, 'PM.1'],
    [{ code: 'PM.2', error: { code: 'PM.3' } }, 'PM.2'],
    [{ error: { code: 'PM.3' } }, 'PM.3'],
  ])('is read by the first that is documented: %j', (body, code) => {
    expect(detailOf(classify(answer(400, body)))).toBe(`HTTP 400 ${code}`);
  });

  it.each([
    [{ error_msg: 'one', message: 'two', error: { message: 'three' } }, 'one'],
    [{ message: 'two', error: { message: 'three' } }, 'two'],
    [{ error: { message: 'three' } }, 'three'],
  ])('and several messages: %j', (body, message) => {
    expect(detailOf(classify(answer(400, body)))).toBe(`HTTP 400 ${message}`);
  });
});

describe('a name in our credentials that is a part of another', () => {
  it.each([[['ann', 'ann lee']], [['ann lee', 'ann']], [['lee', 'an lee', 'ann le']], [['a b', 'a']]])(
    'is taken out after the longer one: %j',
    (names) => {
      const longest = names.toSorted((one, other) => other.length - one.length)[0] ?? '';
      const verdict = classify(answer(403, { error_code: 'PM.1', error_msg: `${longest}!` }), names);

      expect(detailOf(verdict)).toBe('HTTP 403 PM.1 [redacted]!');
    },
  );

  it('is taken out after one that is longer by a letter', () => {
    for (const names of [
      ['bot', 'bot.'],
      ['bot.', 'bot'],
    ]) {
      const verdict = classify(answer(403, { error_code: 'PM.1', error_msg: 'no bot. here' }), names);

      expect(detailOf(verdict)).toBe('HTTP 403 PM.1 no [redacted] here');
    }
  });
});

describe('a code without a message', () => {
  it('is all that is kept, whichever names there are', () => {
    expect(detailOf(classify(answer(400, { error_code: 'PM.1' }), ['bot']))).toBe('HTTP 400 PM.1');
  });
});

describe('a text that is kept', () => {
  it('has at most 300 characters', () => {
    expect(redact('x'.repeat(300))).toBe('x'.repeat(300));
    expect(redact('x'.repeat(301))).toBe('x'.repeat(300));
    expect(redact('x'.repeat(299))).toBe('x'.repeat(299));
  });
});
