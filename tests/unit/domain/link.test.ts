import { describe, expect, it } from '@jest/globals';
import { downloadHeaders, generationOf, linksOf, linkTitle } from '../../../lib/domain/link.ts';

const until = Date.UTC(2027, 10, 26);
const id = '0f0e0d0c-0b0a-4009-8008-070605040302';
const url = `https://a.example.com/v1/files/${id}/secret`;

describe('the title of a link', () => {
  it.each([
    [1, '0.0 kB'],
    [9_800, '9.8 kB'],
    [300_000_000, '300 MB'],
    [1_500_000_000, '1.5 GB'],
    [1_000_000_000, '1.0 GB'],
    [1_000_000, '1.0 MB'],
    [10_000_000, '10 MB'],
    [999_999, '1000 kB'],
    [999_999_999, '1000 MB'],
  ])('tells of %d bytes as %s, and until when they are kept', (size, words) => {
    expect(linkTitle({ filename: '现场.mp4', size }, until)).toBe(`现场.mp4 (${words}, until 2027-11-26)`);
  });

  it('has no character that IPD refuses', () => {
    expect(linkTitle({ filename: 'a\u{1F600}b.png', size: 1000 }, until)).toMatch(/^a_b\.png \(/);
  });

  it('has at most 256 characters, and the end of the name', () => {
    const title = linkTitle({ filename: `${'长'.repeat(300)}-part-2-of-9.mp4`, size: 1000 }, until);

    expect(title).toHaveLength(256);
    expect(title).toContain('…-part-2-of-9.mp4 (1.0 kB');
  });

  it('leaves a name that just fits as it is', () => {
    const about = ' (1.0 kB, until 2027-11-26)';
    const filename = 'a'.repeat(256 - about.length);

    expect(linkTitle({ filename, size: 1000 }, until)).toBe(`${filename}${about}`);
    expect(linkTitle({ filename: `${filename}b`, size: 1000 }, until)).toBe(
      `${filename.slice(17)}…${'a'.repeat(15)}b${about}`,
    );
  });
});

describe('the links of an upload', () => {
  it('are those with its id in their URL; those that work come first', () => {
    const links = [
      { id: '20', url },
      { id: '3', url: `${url}x` },
      { id: '100', url },
      { id: '11', url },
      { id: '4', url: url.replace('a.example.com', 'b.example.com').toUpperCase() },
      { id: '5', url: url.replace(id, '0f0e0d0c-0b0a-4009-8008-070605040303') },
      { id: '6', url: 'https://a.example.com/' },
    ];

    const { current, others } = linksOf(id, url, links);

    expect(current.map((link) => link.id)).toEqual(['11', '20', '100']);
    expect(others.map((link) => link.id)).toEqual(['3', '4']);
  });
});

describe('the links that work', () => {
  it('come in the order of their ids, however IPD lists them', () => {
    const links = ['11', '12', '13'].map((number) => ({ id: number, url }));

    for (const listed of [links, links.toReversed()]) {
      expect(linksOf(id, url, listed).current).toEqual(links);
    }
  });
});

describe('the generation of a link', () => {
  it('begins with 1', () => {
    expect(generationOf({})).toBe(1);
    expect(generationOf({ linkGeneration: 2 })).toBe(2);
  });
});

describe('a download', () => {
  it.each(['video/mp4', 'audio/ogg', 'image/png', 'text/plain', 'application/zip'])(
    'keeps %s',
    (contentType) => {
      expect(downloadHeaders({ filename: 'a', contentType }).contentType).toBe(contentType);
    },
  );

  it('keeps no parameters of a type', () => {
    const { contentType } = downloadHeaders({ filename: 'a', contentType: 'text/plain ; charset=utf-7' });

    expect(contentType).toBe('text/plain');
  });

  it.each([
    'text/html',
    'image/svg+xml',
    'text/plainer',
    'x-text/plain',
    'application/zipped',
    'application/xml',
  ])('takes %s for bytes', (contentType) => {
    expect(downloadHeaders({ filename: 'a', contentType }).contentType).toBe('application/octet-stream');
  });

  it('has the name in both forms, neither of which can end the header', () => {
    const { contentDisposition } = downloadHeaders({ filename: '报"告\\%41.pdf', contentType: 'a/b' });

    expect(contentDisposition).toBe(
      `attachment; filename="_____41.pdf"; filename*=UTF-8''%E6%8A%A5%22%E5%91%8A%5C%2541.pdf`,
    );
  });
});
