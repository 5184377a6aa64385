/**
 * POST Object: an upload from a browser's form, which a signed policy among its fields allows.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
 * The fields come before the file, so everything but the file's size is checked before its bytes are kept.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import busboy from 'busboy';
import type { Allows } from '../iam/policy.ts';
import { requireAccess } from './access.ts';
import type { createAuth } from './auth.ts';
import { MAX_PUT_BYTES, openFormFile, requireLength } from './body.ts';
import { checksumHeaders } from './checksums.ts';
import { S3Error } from './errors.ts';
import type { Announce } from './events.ts';
import type { Call, Headers, S3Response } from './http.ts';
import { describeObject, storeObject } from './objects.ts';
import { checkPolicy } from './policy.ts';
import type { Store } from './store.ts';
import { buildXml } from './xml.ts';
import { KIB } from '../../lib/domain/units.ts';

/** S3's limit for everything before the file. */
const MAX_FIELD_BYTES = 20 * KIB;

type Form = { fields: Record<string, string>; file: Readable };

/** The operation for form uploads; unlike the others it authenticates the call itself. */
export function createFormOperation(services: {
  store: Store;
  announce: Announce;
  auth: ReturnType<typeof createAuth>;
  allows: Allows;
}) {
  const { store, announce, auth, allows } = services;

  return async function postObject(call: Call): Promise<S3Response> {
    requireLength(call.headers['content-length']);
    const parser = openParser(call.headers);
    const form = nextForm(parser);
    const fed = pipeline(Readable.from(call.body), parser);
    // The code awaits the file; the parser passes an error of the feed on to it.
    fed.catch(() => undefined);
    try {
      const { fields, file } = await form;
      return await storeForm(call, fields, file);
    } finally {
      // What follows the file is not read: S3 ignores it.
      parser.destroy();
    }
  };

  async function storeForm(call: Call, fields: Headers, file: Readable): Promise<S3Response> {
    const { bucket, now } = call;
    if (fields['policy'] === undefined) throw new S3Error('AccessDenied', 'Access Denied');
    const { key } = fields;
    if (!key) throw new S3Error('InvalidArgument', "Bucket POST must contain a field named 'key'.");
    const accessKeyId = await auth.verifyPolicy(fields);
    requireAccess(allows, { ...call, accessKeyId, operation: 'PostObject', key });
    const { minimum, maximum } = checkPolicy(fields['policy'], { fields, bucket, now });
    const unsupported = ['success_action_redirect', 'redirect', 'tagging', 'acl'].find(
      (name) => name in fields,
    );
    if (unsupported !== undefined)
      throw new S3Error('NotImplemented', `${unsupported} is not supported by this server.`);

    const description = describeObject({ bucket, key, headers: fields });
    const bounds = { minimum, maximum: Math.min(maximum, MAX_PUT_BYTES) };
    const { etag, checksum } = await storeObject({
      store,
      announce,
      call: { ...call, headers: {} },
      description,
      body: openFormFile(file, { headers: fields, ...bounds }),
      eventName: 'ObjectCreated:Post',
    });

    const location = `http://${call.headers['host']}/${bucket}/${encodeURIComponent(key).replaceAll('%2F', '/')}`;
    const headers = { etag, location, ...checksumHeaders(checksum) };
    const status = ['200', '201'].includes(fields['success_action_status'] ?? '')
      ? Number(fields['success_action_status'])
      : 204;
    if (status !== 201) return { status, headers };
    return {
      status,
      headers: { ...headers, 'content-type': 'application/xml' },
      body: buildXml('PostResponse', { Location: location, Bucket: bucket, Key: key, ETag: etag }),
    };
  }
}

function openParser(headers: Headers): busboy.Busboy {
  try {
    return busboy({
      headers: { 'content-type': headers['content-type'] },
      limits: { fieldSize: MAX_FIELD_BYTES, files: 1 },
      defParamCharset: 'utf8',
    });
  } catch (cause) {
    throw malformed(cause);
  }
}

/** Resolves at the start of the file, with the fields that came before it. */
function nextForm(parser: busboy.Busboy): Promise<Form> {
  return new Promise((resolve, reject) => {
    const fields: Record<string, string> = {};
    let left = MAX_FIELD_BYTES;
    let hasFile = false;
    parser.on('field', (name, value) => {
      // S3 ignores what follows the file: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
      if (hasFile) return;
      left -= name.length + Buffer.byteLength(value);
      if (left < 0) parser.destroy(new Error('The fields are too long.'));
      fields[name.toLowerCase()] = value;
    });
    parser.on('file', (name, file, { filename }) => {
      // Without this listener an early error would end the process; the later reader of the file still gets the error.
      file.on('error', () => undefined);
      if (name.toLowerCase() !== 'file') {
        file.resume();
        return;
      }
      hasFile = true;
      fields['key'] = fields['key']?.replaceAll('${filename}', filename ?? '') ?? '';
      resolve({ fields, file });
    });
    parser.on('error', (cause) => reject(malformed(cause)));
    parser.on('close', () =>
      reject(new S3Error('InvalidArgument', 'POST requires exactly one file upload per request.')),
    );
  });
}

function malformed(cause: unknown): S3Error {
  return new S3Error(
    'MalformedPOSTRequest',
    'The body of your POST request is not well-formed multipart/form-data.',
    { cause },
  );
}
