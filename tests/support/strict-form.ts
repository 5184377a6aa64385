/**
 * Reads a multipart body as the letter of RFC 2046 and RFC 2388 has it, parts within parts included: the files that it
 * brings, in order. It shares no code with the product or the fake IPD. Throws on every
 * violation of these rules.
 */
export type FormFile = { filename: string; contentType: string; bytes: Buffer };

export function filesOf(contentType: string, body: Buffer): FormFile[] {
  const boundary = boundaryIn(contentType);
  const opening = Buffer.from(`--${boundary}\r\n`);
  if (!body.subarray(0, opening.length).equals(opening))
    throw new Error('the body does not begin with its boundary');
  const between = Buffer.from(`\r\n--${boundary}`);
  const files: FormFile[] = [];
  for (let start = opening.length; ;) {
    const end = body.indexOf(between, start);
    if (end < 0) throw new Error('a part does not end');
    files.push(...filesInPart(body.subarray(start, end)));
    const next = end + between.length;
    const rest = body.subarray(next).toString('latin1');
    if (rest === '--\r\n') return files;
    if (!rest.startsWith('\r\n'))
      throw new Error('a boundary is followed by neither a line break nor the end');
    start = next + 2;
  }
}

function filesInPart(part: Buffer): FormFile[] {
  const end = part.indexOf('\r\n\r\n');
  if (end < 0) throw new Error('a part has no end of its header');
  const lines = part.subarray(0, end).toString('utf8').split('\r\n');
  const headers = new Map(
    lines.map((line) => {
      const [, name = '', value = ''] = /^([\w-]+):\s*(.*)$/.exec(line) ?? [];
      if (name === '') throw new Error(`this is no header: ${line}`);
      return [name.toLowerCase(), value];
    }),
  );
  const bytes = part.subarray(end + 4);
  const contentType = headers.get('content-type') ?? 'text/plain';
  if (/^multipart\//i.test(contentType)) return filesOf(contentType, bytes);
  const [, filename] = /;\s*filename="([^"]*)"/i.exec(headers.get('content-disposition') ?? '') ?? [];
  return filename === undefined ? [] : [{ filename, contentType, bytes }];
}

function boundaryIn(contentType: string): string {
  const [, quoted, token] = /^multipart\/.*;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType) ?? [];
  const boundary = quoted ?? token;
  if (boundary === undefined) throw new Error(`no boundary in ${contentType}`);
  return boundary;
}
