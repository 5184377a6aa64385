/**
 * The forms in which IPD, its gateway and IAM answer, each in one place, and the framing of an answer.
 * Other modules decide which of them is sent.
 */
import type { Attachment, Chunks, Element, IpdAnswer, Reply } from './types.ts';
import { ConnectionLost } from './types.ts';

export type FileSizeAs = 'number' | 'string';

/** The bridge's account, as IPD shows it. */
export const USER = { id: '0123456789abcdef0123456789abcdef', name: 'bridge', nick_name: 'bridge' };

/** The most elements that a list holds; there is no paging. */
export const LIST_LIMIT = 100;

/** A refusal by the gateway: https://support.huaweicloud.com/en-us/devg-apisign/api-sign-errorcode.html */
export function gatewayRefusal(status: number, number: string, message: string): Reply {
  return { status, json: { error_code: `APIGW.${number}`, error_msg: message } };
}

/** The gateway knows no such route. */
export function notPublished(): Reply {
  return gatewayRefusal(404, '0101', 'The API does not exist or has not been published.');
}

/** A refusal by CodeArts Req, which uses 400 for nearly all of them. */
export function serviceRefusal(code: string, message: string): Reply {
  return { status: 400, json: { error_code: code, error_msg: message } };
}

export function invalidParameter(what: string): Reply {
  return serviceRefusal('PM.02152001', `Invalid parameter: ${what}.`);
}

/** The answer to a wrong signature shows the expected canonical request, with header values and with `|` for LF. */
export function signatureRefusal(canonicalRequest: string): Reply {
  const echo = canonicalRequest.replaceAll('\n', '|');
  return credentialRefusal(`verify aksk signature fail, canonicalRequest: ${echo}`);
}

/** The answer to any request with a key that failed too often. */
export function keyLockedRefusal(): Reply {
  return credentialRefusal('AK access failed to reach the limit, forbidden');
}

/** The gateway's 401 x.0301, whose cause is only in the text. */
export function credentialRefusal(cause: string): Reply {
  return gatewayRefusal(401, '0301', `Incorrect IAM authentication information: ${cause}`);
}

/** The gateway, or the service behind it, refuses an invalid token. */
export function deadTokenRefusal(by: 'gateway' | 'service'): Reply {
  return by === 'gateway'
    ? gatewayRefusal(401, '0307', 'The token must be updated.')
    : serviceRefusal('PM.10001002', 'Invalid token.');
}

/** The gateway's 429; Retry-After is not documented, so it is there only on request. */
export function throttledRefusal(retryAfterSeconds?: number): Reply {
  const refusal = gatewayRefusal(
    429,
    '0308',
    'The throttling threshold has been reached: policy api over ratelimit',
  );
  if (retryAfterSeconds === undefined) return refusal;
  return { ...refusal, headers: { 'retry-after': String(retryAfterSeconds) } };
}

/** The service's throttle, which hides in a 400. */
export function throttledServiceRefusal(): Reply {
  return serviceRefusal('PM.02153001', 'Access frequency is too high, try again later.');
}

/** IPD's own way of failing: HTTP 200 with a status inside. */
export function failedWithin200(status: 'error' | 'failed', message: string): Reply {
  return { status: 200, json: { status, message, result: null } };
}

/** IAM's shape. */
export function iamRefusal(status: number, title: string, message: string): Reply {
  return { status, json: { error: { code: status, message, title } } };
}

/** The answer to a request that succeeded; the result of an upload may be null. */
export function success(result: unknown): Reply {
  return { status: 200, json: { status: 'success', message: null, result } };
}

/** The answer of a proxy in between. */
export function htmlPage(status: number, title: string): Reply {
  const text = `<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>`;
  return { status, headers: { 'content-type': 'text/html' }, text };
}

/** AttachmentVoExt: the element in the answer to an upload. */
export function uploadElement(attachment: Attachment, fileSizeAs: FileSizeAs): Element {
  return {
    progress: 100,
    id: attachment.id,
    workitem_id: attachment.issueId,
    filesize: sizeAs(attachment.size, fileSizeAs),
    store_filename: attachment.filename,
    title: storedTitle(attachment),
    associate_type: 'issue',
    disk_directory: `${attachment.projectId}/${attachment.issueId}`,
    type: 'attachment',
    category: 'attachment',
    issue_category: 'RR',
    status: 'done',
    description: '',
  };
}

/** AttachmentEntity: the element of the list. */
export function listElement(attachment: Attachment, fileSizeAs: FileSizeAs): Element {
  const created = new Date(attachment.createdAt).toISOString();
  return {
    id: attachment.id,
    issue_id: attachment.issueId,
    file_size: sizeAs(attachment.size, fileSizeAs),
    file_name: attachment.filename,
    attachment_type: extensionOf(attachment.filename),
    created_by: USER,
    created_date: created,
    modified_by: USER,
    store_filename: attachment.filename,
    title: storedTitle(attachment),
    disk_directory: `${attachment.projectId}/${attachment.issueId}`,
  };
}

/** Attachments of other people, to fill a list. */
export function otherElements(options: {
  count: number;
  issueId: string;
  fileSize: number;
  fileSizeAs: FileSizeAs;
}): Element[] {
  return Array.from({ length: options.count }, (_, index) => ({
    id: String(100_000_000_000_000_000n + BigInt(index)),
    issue_id: options.issueId,
    file_size: sizeAs(options.fileSize, options.fileSizeAs),
    file_name: `other-${index + 1}.bin`,
    attachment_type: 'bin',
    created_by: USER,
    created_date: '2026-01-01T00:00:00.000Z',
  }));
}

/** Frames a reply: length, request id, and the point where the connection ends, if a fault says so. */
export function renderReply(reply: Reply, requestId: string): IpdAnswer {
  const headers: Record<string, string> = { 'x-request-id': requestId };
  if (reply.chunks !== undefined) {
    return {
      status: reply.status,
      headers: { ...headers, ...reply.headers },
      body: cut(reply.chunks, reply),
    };
  }
  const text =
    reply.json === undefined ? (reply.text ?? '') : JSON.stringify(withRequestId(reply.json, requestId));
  const body = Buffer.from(text);
  if (text !== '') headers['content-type'] = 'application/json;charset=UTF-8';
  headers['content-length'] = String(body.length);
  return { status: reply.status, headers: { ...headers, ...reply.headers }, body: cut([body], reply) };
}

/** Only the gateway repeats the request id in the body. */
function withRequestId(json: unknown, requestId: string): unknown {
  if (typeof json !== 'object' || json === null || !('error_code' in json)) return json;
  return String(json.error_code).startsWith('APIGW.') ? { ...json, request_id: requestId } : json;
}

function cut(chunks: Chunks, { cutAfterBytes }: Reply): Chunks {
  return cutAfterBytes === undefined ? chunks : cutOff(chunks, cutAfterBytes);
}

async function* cutOff(chunks: Chunks, bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const chunk of chunks) {
    if (left > 0) yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) break;
  }
  throw new ConnectionLost('the answer was cut off');
}

function sizeAs(size: number, as: FileSizeAs): number | string {
  return as === 'string' ? String(size) : size;
}

function extensionOf(filename: string): string {
  return /\.([^.]+)$/.exec(filename)?.[1]?.toLowerCase() ?? '';
}

/** The name on the server: a hash with the extension of the file. */
function storedTitle(attachment: Attachment): string {
  const extension = extensionOf(attachment.filename);
  return `${attachment.sha256.slice(0, 32)}${extension === '' ? '' : `.${extension}`}`;
}
