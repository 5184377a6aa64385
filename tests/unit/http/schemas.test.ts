import { describe, expect, it } from '@jest/globals';
import {
  attachRequest,
  keyQuery,
  namedParts,
  newSession,
  newUpload,
  partPath,
  toCursor,
  uploadsQuery,
  uppyBody,
  uppyQuery,
} from '../../../lib/http/schemas.ts';

type Parsed = {
  success: boolean;
  error?: { issues: { path: PropertyKey[]; message: string }[] } | undefined;
};
const placesOf = ({ error }: Parsed): string[] =>
  (error?.issues ?? []).map(({ path, message }) => `${path.join('.')} ${message}`.trim());

const item = { projectId: 'a'.repeat(32), issueId: '1'.repeat(18) };
const file = { filename: 'a.txt', contentType: 'text/plain' };
const UUID = '00000000-0000-4000-8000-000000000000';

describe('a request for an upload', () => {
  const request = { ...item, ...file, size: 1 };

  it.each([{}, { sha256: 'A'.repeat(64) }, { mode: 'auto' }, { mode: 'single' }, { mode: 'multipart' }])(
    'may have %j',
    (more) => {
      expect(newUpload.safeParse({ ...request, ...more })).toMatchObject({
        data: { ...request, ...more, ...(more.sha256 && { sha256: 'a'.repeat(64) }) },
      });
    },
  );

  it.each([
    [{ mode: 'many' }, "mode must be 'auto', 'single' or 'multipart'"],
    [{ size: 0 }, 'size must be at least 1: an empty file cannot be attached'],
    [{ filename: '' }, 'filename must not be empty'],
    [{ contentType: 'text' }, 'contentType must be a media type such as image/png'],
    [{ sha256: 'a' }, 'sha256 must be 64 hexadecimal digits'],
    [{ projectId: 'p' }, "projectId must be the project's 32 letters and digits"],
  ])('is refused with %j', (more, place) => {
    expect(placesOf(newUpload.safeParse({ ...request, ...more }))).toEqual([place]);
  });

  it('is an object', () => {
    expect(placesOf(newUpload.safeParse([]))).toEqual(['must be a JSON object']);
  });
});

describe('the query of a list', () => {
  const page = 'limit must be a whole number from 1 to 100';
  const after = { id: UUID, createdAt: '1970-01-01T00:00:00.000Z' };
  const coded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

  it('has twenty of all uploads, where it says nothing else', () => {
    expect(uploadsQuery.parse({})).toEqual({ limit: 20 });
    expect(uploadsQuery.parse({ state: 'open', ...item, limit: '1' })).toEqual({
      state: 'open',
      ...item,
      limit: 1,
    });
    expect(uploadsQuery.parse({ limit: '100' })).toEqual({ limit: 100 });
  });

  it.each(['0', '101', '1.5', 'x', ''])('has no page of %j', (limit) => {
    expect(new Set(placesOf(uploadsQuery.safeParse({ limit })))).toEqual(new Set([page]));
  });

  it('is refused for another state, and for what is no parameter', () => {
    expect(placesOf(uploadsQuery.safeParse({ state: 'all' }))).toEqual([
      "state must be 'open', or left out for all",
    ]);
    expect(uploadsQuery.safeParse({ more: '1' }).success).toBe(false);
  });

  it('goes on where an earlier answer has ended', () => {
    expect(uploadsQuery.parse({ cursor: toCursor(after) })).toEqual({ limit: 20, cursor: after });
  });

  it.each([
    'x',
    coded({ id: UUID }),
    coded({ ...after, id: '1' }),
    coded({ ...after, createdAt: '1969-12-31T23:59:59.999Z' }),
    coded({ ...after, createdAt: '1970-01-01T00:00:00Z' }),
    coded({ ...after, createdAt: '1970-01-01T00:00:00.000000Z' }),
  ])('does not go on at %j', (cursor) => {
    expect(placesOf(uploadsQuery.safeParse({ cursor }))).toEqual([
      'cursor must be the nextCursor of an earlier answer',
    ]);
  });
});

describe('a session', () => {
  const named = (count: number): object[] =>
    Array.from({ length: count }, () => ({ name: 'a.txt', size: 1, type: 'text/plain' }));

  it.each([1, 20])('may name %d files', (count) => {
    const session = { ...item, files: named(count) };

    expect(newSession.parse(session)).toEqual(session);
  });

  it('may name none, and take any type that is none for bytes', () => {
    expect(newSession.parse(item)).toEqual(item);
    const types = ['x', '', null, undefined].map((type) => ({ name: 'a', size: 1, type }));
    expect(newSession.parse({ ...item, files: types }).files?.map(({ type }) => type)).toEqual(
      types.map(() => 'application/octet-stream'),
    );
  });

  it.each([
    [0, 'files must name at least one file, or be left out'],
    [21, 'files must name at most 20 files'],
  ])('is refused with %d files', (count, place) => {
    expect(placesOf(newSession.safeParse({ ...item, files: named(count) }))).toEqual([place]);
  });

  it('is refused for a file without a size, and for more than these members', () => {
    expect(newSession.safeParse({ ...item, files: [{ name: 'a' }] }).success).toBe(false);
    expect(newSession.safeParse({ ...item, files: [{ name: 'a', size: 1, more: 1 }] }).success).toBe(false);
    expect(newSession.safeParse({ ...item, more: 1 }).success).toBe(false);
  });
});

describe('what Uppy says of a file', () => {
  it('is its name and its type, and nothing else is read', () => {
    for (const schema of [uppyQuery, uppyBody]) {
      expect(schema.parse({ filename: 'a', type: 'text/plain', owner: 'x' })).toEqual({
        filename: 'a',
        type: 'text/plain',
      });
      expect(placesOf(schema.safeParse({ filename: 'a', type: 7 }))).toEqual(['type must be a string']);
    }
    expect(placesOf(uppyBody.safeParse([]))).toEqual(['must be a JSON object']);
  });

  it('is with a key', () => {
    expect(placesOf(keyQuery.safeParse({}))).toEqual(["key must be the upload's key"]);
    expect(keyQuery.parse({ key: 'k' })).toEqual({ key: 'k' });
  });
});

describe('the parts of a file', () => {
  const place = 'must be a part number from 1 to 10000';
  const part = (number: number, ETag = 'e') => ({ PartNumber: number, ETag });

  it.each(['1', '10000'])('may have the number %s', (partNumber) => {
    expect(partPath.parse({ partNumber })).toEqual({ partNumber: Number(partNumber) });
    expect(namedParts.parse({ parts: [part(Number(partNumber))] })).toEqual([
      { number: Number(partNumber), etag: 'e' },
    ]);
  });

  it.each(['0', '10001', '1.5', 'x'])('have no number %s', (partNumber) => {
    expect(new Set(placesOf(partPath.safeParse({ partNumber })))).toEqual(new Set([`partNumber ${place}`]));
    expect(new Set(placesOf(namedParts.safeParse({ parts: [part(Number(partNumber))] })))).toEqual(
      new Set([`parts.0.PartNumber ${place}`]),
    );
  });

  it.each([
    [undefined, 'parts must be the parts that make the file'],
    [[], 'parts must name the parts that make the file'],
    [[1], 'parts.0 must be {"PartNumber", "ETag"}'],
    [[{ PartNumber: 1 }], 'parts.0.ETag must be the ETag that storage gave'],
    [[part(1), part(2), part(1)], 'parts.2.PartNumber must not be named twice'],
  ])('are not %j', (parts, words) => {
    expect(placesOf(namedParts.safeParse({ parts }))).toEqual([words]);
  });

  it('are ten thousand at most', () => {
    const numbered = Array.from({ length: 10_000 }, (_, index) => part(index + 1));

    expect(namedParts.safeParse({ parts: numbered }).success).toBe(true);
    expect(placesOf(namedParts.safeParse({ parts: [...numbered, part(1)] }))).toContain(
      'parts must name at most 10000 parts',
    );
  });

  it('are named by an object', () => {
    expect(placesOf(namedParts.safeParse([]))).toEqual(['must be a JSON object']);
  });
});

describe('a file that came with its request', () => {
  const request = { ...item, ...file, bytes: Buffer.from('a') };

  it('has one byte at least', () => {
    expect(attachRequest.parse(request)).toEqual(request);
    expect(placesOf(attachRequest.safeParse({ ...request, bytes: Buffer.alloc(0) }))).toEqual([
      'bytes must not be empty: an empty file cannot be attached',
    ]);
  });
});
