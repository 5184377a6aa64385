import { describe, expect, it } from '@jest/globals';
import { parseAuthorities } from '../../../lib/runtime/authorities.ts';
import { createAuthority, selfSign } from '../../support/certificates.ts';

const root = createAuthority('Root');
const other = createAuthority('Another root');
const server = root.issue(['a.example.com']);
const spoilt = root.pem.replace(/^[A-Z].*$/m, 'A');

describe('parseAuthorities', () => {
  it('takes each certificate, and leaves out what stands around them', () => {
    const text = `# Root of our cloud\n${root.pem}\r\n\nsecond:\n${other.pem}`;

    expect(parseAuthorities(text)).toEqual({
      kind: 'read',
      certificates: [root.pem.trim(), other.pem.trim()],
    });
    expect(parseAuthorities(root.pem.replaceAll('\n', '\r\n'))).toMatchObject({ kind: 'read' });
  });

  it("takes a server's that it has signed itself: it is its own authority", () => {
    expect(parseAuthorities(selfSign('a.example.com').cert)).toMatchObject({ kind: 'read' });
  });

  it('takes an authority whose time is over: only a connection needs it to be valid', () => {
    const outdated = createAuthority('Root of last year', { from: -400, to: -30 });

    expect(parseAuthorities(outdated.pem)).toMatchObject({ kind: 'read' });
  });

  it.each([
    ['no PEM', 'ca.pem', /^must be certificates of authorities in PEM/],
    ['nothing', '', /^must be certificates/],
    ['another kind of PEM', root.pem.replaceAll('CERTIFICATE', 'PUBLIC KEY'), /^must be certificates/],
    ['one that is cut', root.pem.slice(0, -40), /^must be certificates/],
    ['a second one that is cut', root.pem + other.pem.slice(0, -40), /^must be certificates/],
    ['one that cannot be read', root.pem + spoilt, /^certificate 2 of 2 cannot be read$/],
    [
      'line breaks as two letters',
      root.pem.replaceAll('\n', String.raw`\n`),
      /^certificate 1 of 1 cannot be read$/,
    ],
    ["a server's", server.cert, /^certificate 1 of 1 is a server's: give that of the authority/],
    ['a key', root.pem + server.key, /^holds a private key/],
  ])('refuses %s, with a reason that shows none of it', (_what, text, words) => {
    const parsed = parseAuthorities(text);

    expect(parsed).toEqual({ kind: 'refused', reason: expect.stringMatching(words) });
    for (const line of text.split('\n').filter((one) => one.length > 20)) {
      expect(JSON.stringify(parsed)).not.toContain(line);
    }
  });
});
