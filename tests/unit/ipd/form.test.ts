import { describe, expect, it } from '@jest/globals';
import busboy from 'busboy';
import * as fc from 'fast-check';
import { buffer } from 'node:stream/consumers';
import { frameFile, frameOverhead, normalName, safeName } from '../../../lib/ipd/form.ts';

const field = 'attachment';
const anyText = fc.string({ unit: 'binary', maxLength: 300 });

type Part = { field: string; filename: string | undefined; contentType: string; bytes: Buffer };

/** What a form parser of other make finds in the framed file. */
async function parse(form: ReturnType<typeof frameFile>, file: Buffer): Promise<Part[]> {
  const parts: Promise<Part>[] = [];
  const parser = busboy({
    headers: { 'content-type': form.contentType },
    defParamCharset: 'utf8',
    preservePath: true,
  });
  parser.on('file', (name, stream, { filename, mimeType }) => {
    parts.push(buffer(stream).then((bytes) => ({ field: name, filename, contentType: mimeType, bytes })));
  });
  await new Promise<void>((resolve, reject) => {
    parser.once('close', resolve).once('error', reject);
    parser.end(Buffer.concat([form.head, file, form.tail]));
  });
  return Promise.all(parts);
}

function linesOf(head: Buffer): string[] {
  return head.toString('utf8').split(/\r\n|\r|\n/);
}

describe('frameFile', () => {
  it.each([
    ['plain', 'report.pdf', 'report.pdf'],
    ['spaces and signs', "a b+c%20d&e=f;g'h.txt", "a b+c%20d&e=f;g'h.txt"],
    ['Chinese', '录屏-终稿.mp4', '录屏-终稿.mp4'],
    ['emoji', '😀👩‍👩‍👧.png', '😀👩‍👩‍👧.png'],
    ['quotes', 'the "final" one.txt', 'the %22final%22 one.txt'],
    ['line breaks', 'a\r\nb\nc\rd.txt', 'a%0D%0Ab%0Ac%0Dd.txt'],
    ['a backslash', 'a\\b.txt', 'a\\b.txt'],
    ['200 code points', `${'😀'.repeat(196)}.png`, `${'😀'.repeat(196)}.png`],
  ])('gives a parser the name and the bytes: %s', async (_name, filename, received) => {
    const bytes = Buffer.from('first\r\n--\r\nlast\r\n');
    const form = frameFile({ field, filename, contentType: 'image/png', size: bytes.length });

    expect(await parse(form, bytes)).toEqual([
      { field: 'attachment', filename: received, contentType: 'image/png', bytes },
    ]);
  });

  it('knows its exact length before the file is read', () => {
    fc.assert(
      fc.property(anyText, fc.nat(5 * 2 ** 30), (filename, size) => {
        const form = frameFile({ field, filename, contentType: 'a/b', size });

        expect(form.contentLength).toBe(form.head.length + size + form.tail.length);
        expect(frameOverhead({ field, filename, contentType: 'a/b' })).toBe(form.contentLength - size);
      }),
    );
  });

  it('carries any bytes, also the boundary of another form', async () => {
    const file = frameFile({ field, filename: 'x', contentType: 'a/b', size: 0 }).tail;
    const form = frameFile({ field, filename: 'y', contentType: 'a/b', size: file.length });

    expect(await parse(form, file)).toMatchObject([{ filename: 'y', bytes: file }]);
  });

  it('lets no name, field or type add a line, a parameter or filename*', () => {
    fc.assert(
      fc.property(fc.record({ field: anyText, filename: anyText, contentType: anyText }), (part) => {
        const lines = linesOf(frameFile({ ...part, size: 0 }).head);

        expect(lines).toHaveLength(5);
        expect(lines[1]).toMatch(/^Content-Disposition: form-data; name="[^"]*"; filename="[^"]*"$/);
        expect(lines[2]).toMatch(/^Content-Type: [\w!#$&^.+-]+\/[\w!#$&^.+-]+$/);
      }),
    );
  });

  it('keeps a name that looks like headers a name', async () => {
    const filename = 'x"; name="other\r\nContent-Type: text/html\r\n\r\n<script>';
    const contentType = 'image/png\r\nX-Injected: 1';
    const form = frameFile({ field, filename, contentType, size: 1 });

    expect(await parse(form, Buffer.from('1'))).toMatchObject([
      { field: 'attachment', filename: expect.stringContaining('<script>'), bytes: Buffer.from('1') },
    ]);
    expect(form.head.toString()).not.toMatch(/^(X-Injected|Content-Type: text)/m);
  });

  it('takes a boundary that a client cannot predict', () => {
    const part = { field, filename: 'x', contentType: 'a/b', size: 0 };

    expect(frameFile(part).contentType).not.toBe(frameFile(part).contentType);
  });
});

describe('frameOverhead', () => {
  it('counts the type that is sent, not the one that was declared', () => {
    const name = { field, filename: 'x' };
    const overhead = (contentType: string): number => frameOverhead({ ...name, contentType });

    expect(overhead('text/plain; charset=utf-8')).toBe(overhead('text/plain'));
    expect(overhead('multipart/mixed; boundary=x')).toBe(overhead('application/octet-stream'));
  });
});

describe('normalName', () => {
  it('composes what was taken apart and mends unpaired surrogates', () => {
    expect(normalName('e\u0301.txt')).toBe('é.txt');
    expect(normalName('a\ud800b')).toBe('a\ufffdb');
    expect(normalName('😀 录屏.mp4')).toBe('😀 录屏.mp4');
  });
});

describe('safeName', () => {
  it.each([
    ['😀 "final"?.png', '_ _final__.png'],
    ['a\\b/c:d*e<f>g|h', 'a_b_c_d_e_f_g_h'],
    ['a\0b\r\nc\u007f', 'a_b__c_'],
    ['<\u0338', '≮'],
    [`${'长'.repeat(300)}.mp4`, `${'长'.repeat(196)}.mp4`],
    [`${'x'.repeat(300)}.${'y'.repeat(16)}`, 'x'.repeat(200)],
    [`.${'x'.repeat(300)}`, `.${'x'.repeat(199)}`],
  ])('%j becomes %j', (filename, expected) => {
    expect(safeName(filename)).toBe(expected);
  });

  it('gives nothing that is reserved, above U+FFFF, decomposed or longer than 200 code points', () => {
    fc.assert(
      fc.property(anyText, (filename) => {
        const name = safeName(filename);

        expect(name).not.toMatch(/[\\/:*?"<>|\p{Cc}\p{Cs}]|[\u{10000}-\u{10FFFF}]/u);
        expect(name).toBe(name.normalize('NFC'));
        expect(Array.from(name).length).toBeLessThanOrEqual(200);
      }),
      { numRuns: 1000 },
    );
  });

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(anyText, (filename) => {
        expect(safeName(safeName(filename))).toBe(safeName(filename));
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps a short extension, however long the name is', () => {
    const extension = fc.stringMatching(/^[a-z0-9]{1,15}$/);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 400 }), extension, (stem, ending) => {
        expect(safeName(`${stem}.${ending}`).endsWith(`.${ending}`)).toBe(true);
      }),
    );
  });
});

describe('a name at the edge of its length', () => {
  it.each([
    [`${'x'.repeat(199)}y`, `${'x'.repeat(199)}y`],
    [`${'x'.repeat(199)}yz`, `${'x'.repeat(199)}y`],
    [`${'x'.repeat(195)}.${'y'.repeat(15)}`, `${'x'.repeat(184)}.${'y'.repeat(15)}`],
    [`x.${'y'.repeat(300)}.${'z'.repeat(15)}`, `x.${'y'.repeat(182)}.${'z'.repeat(15)}`],
    [`${'x'.repeat(195)}.${'y'.repeat(16)}`, `${'x'.repeat(195)}.yyyy`],
    [`${'x'.repeat(250)}z.txt`, `${'x'.repeat(196)}.txt`],
    ['x'.repeat(300), 'x'.repeat(200)],
  ])('%j becomes %j', (filename, expected) => {
    expect(safeName(filename)).toBe(expected);
  });
});

describe('a type that is read as something else than bytes', () => {
  it.each([
    ['application/x-www-form-urlencoded', 'application/octet-stream'],
    ['multipart/mixed', 'application/octet-stream'],
    ['text', 'application/octet-stream'],
    ['text/plain', 'text/plain'],
  ])('%s goes as %s', (contentType, sent) => {
    const { head } = frameFile({ field, filename: 'x', contentType, size: 0 });

    expect(head.toString()).toContain(`\r\nContent-Type: ${sent}\r\n\r\n`);
  });
});
