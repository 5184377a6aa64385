import { describe, expect, it } from '@jest/globals';
import { readConfig, readLinkKey } from '../../../lib/runtime/config.ts';

const KEY = 'secret-word-of-32-characters-....';
const needed = {
  STAGING_BUCKET: 'staging',
  UPLOADS_TABLE: 'uploads',
  DELIVERY_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/1/delivery',
  IPD_PROJECTS: '*',
};
const onLambda = { AWS_LAMBDA_FUNCTION_NAME: 'bridge' };
const link = { OVERSIZE: 'link' };

const read = (given: Record<string, string>) => () => readConfig({ ...needed, ...given });

describe('files that are too large for IPD', () => {
  it('are refused unless this setting says otherwise, also with the others set', () => {
    const others = { PUBLIC_URL: 'https://uploads.example.com', LINK_KEY: KEY, LINKED_FILES_DAYS: '7' };

    expect(read(others)().links).toBeUndefined();
    expect(read({ ...others, OVERSIZE: 'refuse' })().links).toBeUndefined();
    expect(read({ ...others, OVERSIZE: '' })().links).toBeUndefined();
  });

  it('become links, which only some functions can make', () => {
    const given = {
      ...link,
      PUBLIC_URL: 'https://uploads.example.com',
      LINK_KEY: 'secretsmanager:ipd-attachment-bridge/prod/links',
      MAX_LINKED_FILE_BYTES: '300000000',
      LINKED_FILES_DAYS: '30',
    };

    expect(read({ ...onLambda, ...link })().links).toEqual({
      maxFileBytes: 5 * 1024 ** 3,
      days: 365,
      publicUrl: undefined,
      key: undefined,
    });
    expect(read({ ...onLambda, ...given })().links).toEqual({
      maxFileBytes: 300_000_000,
      days: 30,
      publicUrl: 'https://uploads.example.com',
      key: { kind: 'secretsmanager', name: 'ipd-attachment-bridge/prod/links' },
    });
    expect(read({ ...given, LINK_KEY: 'ssm:/bridge/links' })().links?.key).toEqual({
      kind: 'ssm',
      name: '/bridge/links',
    });
  });

  it('are never smaller than those that become attachments', () => {
    const sentence =
      'MAX_LINKED_FILE_BYTES: must be at least MAX_FILE_BYTES: files up to that one become attachments';
    const given = { MAX_FILE_BYTES: '100', MAX_LINKED_FILE_BYTES: '99' };

    expect(read({ ...given, ...link })).toThrow(sentence);
    expect(read({ MAX_LINKED_FILE_BYTES: '52428799', ...link })).toThrow(sentence);
    expect(read({ ...given, ...link, MAX_FILE_BYTES: '99' })().links?.maxFileBytes).toBe(99);
    expect(read(given)().maxFileBytes).toBe(100);
  });

  it('stay longer than their links, though their copies are older', () => {
    const longest = { UPLOAD_DEADLINE_HOURS: '720', RETRY_WINDOW_HOURS: '720', FAILED_RETENTION_DAYS: '90' };
    const given = { ...longest, LINKED_FILES_DAYS: '3650' };
    const sentence =
      'LINKED_FILES_EXPIRE_DAYS: must be at least 3891 with this LINKED_FILES_DAYS, UPLOAD_DEADLINE_HOURS, RETRY_WINDOW_HOURS and FAILED_RETENTION_DAYS';

    expect(read({ ...link, ...given, LINKED_FILES_EXPIRE_DAYS: '3890' })).toThrow(sentence);
    expect(read({ ...link, ...given, LINKED_FILES_EXPIRE_DAYS: '3891' })).not.toThrow();
    expect(read({ ...given, LINKED_FILES_EXPIRE_DAYS: '1' })).not.toThrow();
    expect(read({ ...link, LINKED_FILES_EXPIRE_DAYS: '383' })).toThrow('must be at least 384 with');
  });
});

describe('the address of links', () => {
  it.each(['https://uploads.example.com', 'https://uploads.example.com:8443'])(
    'is an origin of the web: %s',
    (PUBLIC_URL) => {
      expect(read({ ...onLambda, ...link, PUBLIC_URL })().links?.publicUrl).toBe(PUBLIC_URL);
    },
  );

  it.each(['http://127.0.0.1:3000', 'http://localhost:3000', 'http://192.168.1.20:3000'])(
    'may do without TLS only where no Lambda runs: %s',
    (PUBLIC_URL) => {
      expect(read({ ...link, PUBLIC_URL })().links?.publicUrl).toBe(PUBLIC_URL);
      expect(read({ ...onLambda, ...link, PUBLIC_URL })).toThrow('PUBLIC_URL: must begin with https:');
    },
  );

  it.each(['uploads.example.com', 'ftp://uploads.example.com', 'javascript:alert(1)'])(
    'is a URL, not %s',
    (PUBLIC_URL) => {
      expect(read({ ...link, PUBLIC_URL })).toThrow(
        /^settings: PUBLIC_URL: must be a URL, for example https:\/\/uploads\.example\.com$/,
      );
    },
  );

  it.each(['/', '/v1', '?a=b', '#a', ':443'])('has nothing behind its host but another port: %s', (more) => {
    expect(read({ ...link, PUBLIC_URL: `https://uploads.example.com${more}` })).toThrow(
      'PUBLIC_URL: must be an origin, without a path or a query',
    );
  });

  it('has no user', () => {
    const refuse = read({ ...link, PUBLIC_URL: 'https://user:secret-word@uploads.example.com' });

    expect(refuse).toThrow('PUBLIC_URL: must be an origin');
    expect(refuse).not.toThrow('secret-word');
  });
});

describe('the key of links', () => {
  it('is in the setting itself only where no Lambda runs', () => {
    expect(read({ ...link, LINK_KEY: KEY })().links?.key).toEqual({ kind: 'inline', text: KEY });
    expect(read({ ...onLambda, ...link, LINK_KEY: KEY })).toThrow(
      'LINK_KEY: on Lambda, give secretsmanager:<name or ARN> or ssm:<parameter name>',
    );
    expect(read({ ...onLambda, ...link, LINK_KEY: KEY })).not.toThrow('secret-word');
  });

  it('is refused when it is short, in the setting and in the secret', () => {
    const short = KEY.slice(0, 31);

    for (const refuse of [read({ ...link, LINK_KEY: short }), () => readLinkKey(short)]) {
      expect(refuse).toThrow('LINK_KEY: must have at least 32 characters');
      expect(refuse).not.toThrow('secret-word');
    }
    expect(readLinkKey(KEY.slice(0, 32))).toBe(KEY.slice(0, 32));
  });

  it('is the same with the line break that a file ends with', () => {
    expect(readLinkKey(`${KEY}\n`)).toBe(KEY);
    expect(() => readLinkKey(`${' '.repeat(32)}\n`)).toThrow('LINK_KEY: must have at least 32 characters');
  });
});

describe('a comment', () => {
  it('is written only where the setting says so, in the language of another', () => {
    expect(read({ COMMENT_LANGUAGE: 'zh-CN' })().comment).toBeUndefined();
    expect(read({ COMMENT_ON_DELIVERY: 'on' })().comment).toEqual({ language: 'en' });
    expect(read({ COMMENT_ON_DELIVERY: 'on', COMMENT_LANGUAGE: 'zh-CN' })().comment).toEqual({
      language: 'zh-CN',
    });
  });
});
