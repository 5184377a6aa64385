import { describe, expect, it } from '@jest/globals';
import { findProblems } from '../../../deploy/settings.ts';

const needed = { ISSUER_URL: 'https://login.example.com', PROJECTS_CLAIM: 'projects' };

/** What a deploy says of these settings beside those that it needs. */
function deploying(settings: Record<string, string>): string[] {
  return findProblems({ ...needed, ...settings }, { kind: 'deploy', stage: 'prod', region: 'eu-central-1' });
}

/** The setting that a name is taken for. */
function takenFor(name: string): string[] {
  return deploying({ [name]: '7' }).map((sentence) => /is (\w+) meant/.exec(sentence)?.[1] ?? sentence);
}

// cspell:disable
describe('a name', () => {
  it.each([
    ['two letters too many', 'IPD_RATEXX', 'IPD_RATE'],
    ['two letters too few', 'JWT_UDENCE', 'JWT_AUDIENCE'],
    ['two wrong letters of five', 'IPDCB', 'IPD_CA'],
    ['four wrong letters of seventeen', 'PXRTX_EXPXRE_DXYS', 'PARTS_EXPIRE_DAYS'],
    ['three letters before it', 'XYZJWT_AUDIENCE', 'JWT_AUDIENCE'],
    ['a letter before it and two wrong ones', 'XJWT_AUDXEXCE', 'JWT_AUDIENCE'],
    ['three wrong letters at its end', 'JWT_AUDIEXXX', 'JWT_AUDIENCE'],
  ])('with %s is taken for a setting: %s', (_what, name, setting) => {
    expect(takenFor(name)).toEqual([setting]);
  });

  it.each([
    ['three wrong letters of eleven', 'XYT_AUDIENC'],
    ['three letters before it and one too few', 'WXYZJWT_AUDIENC'],
    ['four wrong letters, but for the last one', 'JWT_AUXXXXXE'],
    ['three wrong letters of six', 'IPXXXA'],
  ])('with %s is taken for none: %s', (_what, name) => {
    expect(takenFor(name)).toEqual([]);
  });

  it('of two letters is taken for none of four', () => {
    expect(findProblems({ XY: '1' }, { kind: 'local', others: ['PORT'] })).toEqual([]);
  });

  it('is taken for the nearest setting', () => {
    expect(takenFor('API_BURST_REQUESTZ')).toEqual(['API_BURST_REQUESTS']);
  });
});

// cspell:enable

describe('the issuer', () => {
  it.each(['ftp://login.example.com', 'https://user@login.example.com', 'https://login.example.com/?a'])(
    'is not %s',
    (url) => {
      expect(deploying({ ISSUER_URL: url })).toEqual([
        expect.stringMatching(/^ISSUER_URL: must be the `iss`/),
      ]);
    },
  );
});

describe('the authorities', () => {
  const isTooLong = (text: string): boolean =>
    deploying({ IPD_CA: text }).some((sentence) => sentence.startsWith('IPD_CA: has more than 2300'));

  it('have at most 2,300 characters, where they are no name of a secret', () => {
    expect(isTooLong('x'.repeat(2300))).toBe(false);
    expect(isTooLong('x'.repeat(2301))).toBe(true);
    expect(isTooLong(`secretsmanager:ipd-attachment-bridge/prod/ipd${'x'.repeat(2300)}`)).toBe(false);
  });
});

describe('a list', () => {
  it('has at most 4,096 characters', () => {
    const names = `${'bucket,'.repeat(584)}bucket`;

    expect(deploying({ INGEST_SOURCE_BUCKETS: `${names}s2` })).toEqual([]);
    expect(deploying({ INGEST_SOURCE_BUCKETS: `${names}s22` })).toEqual([
      'INGEST_SOURCE_BUCKETS: must have at most 4096 characters',
    ]);
  });

  it.each(['INGEST_PRINCIPALS', 'INGEST_SOURCE_BUCKETS', 'ALARM_TOPIC_ARN'])('may be empty: %s', (name) => {
    expect(deploying({ [name]: '' })).toEqual([]);
  });
});
