import { describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { check, readBody, readBytes, readQuery } from '../../../lib/http/gateway.ts';
import { AppError } from '../../../lib/domain/errors.ts';
import { httpEvent } from '../../support/lambda-event.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const route = 'POST /v1/uploads';
const body = z.strictObject({ size: z.int('must be a whole number'), name: z.string().optional() });
const posted = (text: string | Buffer | undefined, headers: Record<string, string> = JSON_TYPE) =>
  readBody(httpEvent({ route, headers, ...(text !== undefined && { body: text }) }), body);

/** The error that it throws. */
function thrown(read: () => unknown): AppError {
  try {
    read();
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error('nothing was refused');
}

describe('the JSON body', () => {
  it.each(['application/json', 'Application/JSON ;charset=utf-8'])('is read as %s', (type) => {
    expect(posted('{"size":1}', { 'content-type': type })).toEqual({ size: 1 });
  });

  it('is read where the gateway has encoded it', () => {
    expect(posted(Buffer.from('{"size":1,"name":"é"}'))).toEqual({ size: 1, name: 'é' });
  });

  it.each([{}, { 'content-type': 'text/plain' }, { 'content-type': 'application/jsonp' }])(
    'is not read as %j',
    (headers) => {
      expect(thrown(() => posted('{"size":1}', headers)).code).toBe('unsupported_media_type');
    },
  );

  it.each([undefined, '', '{', Buffer.alloc(0), '\uFFFD', Buffer.from([0xff])])('is no JSON: %j', (text) => {
    expect(thrown(() => posted(text)).code).toBe('invalid_json');
  });

  it('is no JSON where the gateway gives none, and says that it has encoded it', () => {
    const event = { ...httpEvent({ route, headers: JSON_TYPE }), isBase64Encoded: true };

    expect(thrown(() => readBody(event, body)).code).toBe('invalid_json');
  });

  it('is refused as not valid UTF-8 where a part of it is lost', () => {
    expect(thrown(() => posted('{"size":1,"name":"\uFFFD"}')).message).toContain('UTF-8');
    expect(thrown(() => posted('{')).message).toBe('the body is not valid JSON');
  });

  it('is refused with each place at fault', () => {
    expect(thrown(() => posted('{"name":1,"a~/b":2}'))).toMatchObject({
      code: 'invalid_request',
      places: [
        { pointer: '/size', detail: 'is required' },
        { pointer: '/name', detail: expect.stringContaining('string') },
        { pointer: '/a~0~1b', detail: 'is not a member of this object' },
      ],
    });
    expect(thrown(() => posted('{"size":null}')).places).toEqual([
      { pointer: '/size', detail: 'must be a whole number' },
    ]);
    expect(thrown(() => posted('[]')).places).toMatchObject([{ pointer: '' }]);
  });

  it('is refused in the words of the schema where one of several words is missing', () => {
    const schema = z.object({ mode: z.enum(['a', 'b'], 'must be a or b') });

    expect(thrown(() => check({}, schema, String)).places).toEqual([
      { pointer: 'mode', detail: 'must be a or b' },
    ]);
  });
});

describe('places at fault', () => {
  const many = (count: number, name: (index: number) => string): object =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [name(index), 1]));
  const list = z.array(z.int());
  const pointers = (value: unknown, schema: z.ZodType = list): string[] =>
    thrown(() => check(value, schema, (path) => `/${path.join('/')}`)).places.map(({ pointer }) => pointer);

  it('are named up to a hundred, from the first', () => {
    const named = pointers(Array.from({ length: 101 }, () => 'a'));

    expect(named).toHaveLength(100);
    expect([named[0], named[99]]).toEqual(['/0', '/99']);
    expect(pointers(Array.from({ length: 99 }, () => 'a'))).toHaveLength(99);
  });

  it('are a hundred of unknown members, and of those with others', () => {
    const object = z.strictObject({ a: z.strictObject({}), b: z.int() });

    expect(pointers({ a: many(101, (index) => `k${index}`), b: 1 }, object)).toHaveLength(100);
    const both = pointers({ a: many(100, (index) => `k${index}`), b: 'x' }, object);
    expect(both).toHaveLength(100);
    expect(both[0]).toBe('/a/k0');
    expect(both[99]).toBe('/a/k99');
    expect(pointers({ a: many(99, (index) => `k${index}`), b: 'x' }, object).at(-1)).toBe('/b');
  });

  it('are cut after 500 characters', () => {
    const object = z.strictObject({});
    const long = (length: number): string[] => pointers({ ['k'.repeat(length)]: 1 }, object);

    expect(long(499)).toEqual([`/${'k'.repeat(499)}`]);
    expect(long(500)).toEqual([`/${'k'.repeat(499)}`]);
  });
});

describe('the query', () => {
  const schema = z.strictObject({ limit: z.coerce.number('must be a number').optional() });
  const read = (query?: string) => readQuery(httpEvent({ route, query }), schema);

  it('is empty where there is none', () => {
    expect(read()).toEqual({});
    expect(read('limit=5')).toEqual({ limit: 5 });
  });

  it('is refused by its parameters', () => {
    expect(thrown(() => read('limit=x&other=1')).places).toEqual([
      { pointer: 'query:limit', detail: 'must be a number' },
      { pointer: 'query:other', detail: 'is not a member of this object' },
    ]);
  });

  it('is refused where a name or a value cannot be decoded, and no more is said of it', () => {
    expect(thrown(() => read('limit=%ff&other=1')).places).toEqual([
      { pointer: 'query:limit', detail: 'must be valid UTF-8, without U+FFFD' },
    ]);
    expect(thrown(() => read('limit=1&o%ff=1')).places).toMatchObject([{ pointer: 'query:o\uFFFD' }]);
  });

  it('names a hundred parameters that cannot be decoded, up to 500 characters of each', () => {
    const spoilt = (count: number): string =>
      Array.from({ length: count }, (_, index) => `p${index}=%ff`).join('&');
    const named = (query: string): string[] => thrown(() => read(query)).places.map(({ pointer }) => pointer);

    expect(named(spoilt(101))).toHaveLength(100);
    expect(named(spoilt(101))[0]).toBe('query:p0');
    expect(named(spoilt(2))).toEqual(['query:p0', 'query:p1']);
    expect(named(`${'k'.repeat(494)}=%ff`)).toEqual([`query:${'k'.repeat(494)}`]);
    expect(named(`${'k'.repeat(495)}=%ff`)).toEqual([`query:${'k'.repeat(494)}`]);
  });
});

describe('the bytes of a body', () => {
  it('are those that were sent', () => {
    const bytes = Buffer.from([0xff, 0x00, 0x41]);

    expect(readBytes(httpEvent({ route, body: bytes }))).toEqual(bytes);
    expect(readBytes(httpEvent({ route, body: 'é' }))).toEqual(Buffer.from('é'));
    expect(readBytes(httpEvent({ route }))).toEqual(Buffer.alloc(0));
  });
});
