/**
 * Reads the form of IPD's own upload route: exactly one file, in the field `attachment`.
 * Small files only: the gateway has the whole body in memory before we see it.
 */
import busboy from 'busboy';
import { AppError } from '../domain/errors.ts';
import { isSpoilt } from '../domain/plain-text.ts';

export type FormFile = { filename: string; contentType: string; bytes: Buffer };

const FIELD = 'attachment';

/** What is left for a file of the 6 MB that Lambda takes as one invocation, in base64 and with the event around it. */
export const MAX_FORM_FILE_BYTES = 4_500_000;

/** The one file of a form. Throws `unsupported_media_type`, `invalid_form` or `file_too_large`, saying what to send instead. */
export async function readUploadForm(body: Buffer, contentType: string): Promise<FormFile> {
  if (!/^multipart\/form-data\s*(;|$)/i.test(contentType)) {
    throw new AppError(
      'unsupported_media_type',
      'send the file as multipart/form-data in the field `attachment`',
    );
  }
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const refuse = (detail: string): void => reject(invalid(detail));
  const files: FormFile[] = [];
  const parser = startParser(contentType);
  parser.on('file', (field, stream, { filename, mimeType }) => {
    const name = unescapeName(filename);
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => refuse('the body ends in the middle of the file'));
    stream.on('limit', () => {
      const detail = `this route takes files up to ${MAX_FORM_FILE_BYTES} bytes; use POST /v1/uploads for larger ones`;
      reject(new AppError('file_too_large', detail));
    });
    stream.on('end', () => {
      files.push({ filename: name, contentType: mimeType, bytes: Buffer.concat(chunks) });
    });
    if (field !== FIELD) refuse(`the file is in the field ${quote(field)}; it must be in \`${FIELD}\``);
    // The parser has replaced bytes that it could not decode: the real name is lost, and IPD would keep a wrong one.
    else if (isSpoilt(name)) refuse('the file name is not valid UTF-8');
  });
  parser.on('field', (field) => {
    if (field === FIELD) refuse(`the field \`${FIELD}\` has no filename, so it is no file`);
    else refuse(`the field ${quote(field)} is not a field of this form; send only \`${FIELD}\``);
  });
  parser.on('filesLimit', () => refuse(`there is more than one file; send one in the field \`${FIELD}\``));
  parser.on('error', () => refuse('the form is broken off, or its boundary is not the one in Content-Type'));
  parser.on('close', () => resolve(undefined));
  parser.end(body);
  await promise;
  const [file] = files;
  if (file === undefined) throw invalid(`there is no file; send one in the field \`${FIELD}\``);
  return file;
}

function startParser(contentType: string): busboy.Busboy {
  try {
    return busboy({
      headers: { 'content-type': contentType },
      defParamCharset: 'utf8',
      // Keeps a path in the name, so that the schema refuses it; else the parser would remove it silently.
      preservePath: true,
      // The parser's limit is the first size that is too large.
      limits: { files: 1, fileSize: MAX_FORM_FILE_BYTES + 1, parts: 10, fieldSize: 1024 },
    });
  } catch (cause) {
    throw new AppError('invalid_form', 'the Content-Type names no boundary', { cause });
  }
}

function invalid(detail: string): AppError {
  return new AppError('invalid_form', detail);
}

/** The name may be missing, although the parser's types say that there is one. */
function quote(field: string | undefined): string {
  return `\`${(field ?? '').slice(0, 50)}\``;
}

/** Browsers escape these three and nothing else: https://html.spec.whatwg.org/#multipart-form-data */
function unescapeName(filename = ''): string {
  return filename.replaceAll('%22', '"').replaceAll('%0D', '\r').replaceAll('%0A', '\n');
}
