/**
 * Finds secrets in everything that the product says, in every test: log lines, answers, the output of
 * the command line. It knows the forms of all secrets, and the answers that may carry one.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { z } from 'zod';

/** Each with a name that is no secret. */
const SECRET_FORMS: Record<string, RegExp> = {
  JWT: /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}/,
  signature: /X-Amz-Signature["'=:\s\\]+[0-9a-f]{64}/i,
  ticket: /\btk_[\w-]{43}\b/,
  'signed request': /\b(?:SDK-HMAC-SHA256 Access=|AWS4-HMAC-SHA256 Credential=)/,
  'token header': /x-(?:auth|subject|security)-token["'=:\s\\]+[\w-]{20,}/i,
  'AWS key': /\b(?:local-secret-[0-9a-f]{40}|signer-secret)\b/,
  'link key': /\blocal-link-key-[0-9a-f]{40}\b/,
  link: /\/v1\/files\/[\w-]{36}\/[\w-]{20,}/,
  'IPD credential': /\blocal-(?:secret-key|password)-[0-9a-f]{40}\b/,
};

/** The secrets that an answer of a route may carry that is no refusal; every other answer carries none. */
const GIVEN: Record<string, string[]> = {
  'POST /v1/uploads': ['signature', 'link'],
  'GET /v1/uploads': ['link'],
  'GET /v1/uploads/{id}': ['link'],
  'POST /v1/uploads/{id}/urls': ['signature'],
  'POST /v1/uploads/{id}/complete': ['link'],
  'POST /v1/uploads/{id}/retry': ['link'],
  'GET /v1/files/{id}/{secret}': ['signature'],
  'POST /v1/uppy-sessions': ['ticket'],
  'GET /v1/uppy/{ticket}/s3/params': ['signature'],
  'GET /v1/uppy/{ticket}/s3/multipart/{uploadId}/{partNumber}': ['signature'],
};

const answered = z.object({ statusCode: z.number() });
const asked = z.object({ routeKey: z.string() });
const ran = z.object({ modulePath: z.string(), event: z.unknown(), payload: z.string() });
const wrote = z.object({ modulePath: z.string(), line: z.string() });

/** The probe functions, which answer and log what their callers send: they are not checked. */
const PROBES = '/tests/support/service/';

let leaks: string[] = [];
let checked = 0;

/** The names of the secrets in a text. */
export function secretsIn(text: string): string[] {
  return Object.entries(SECRET_FORMS).flatMap(([name, form]) => (form.test(text) ? [name] : []));
}

/** Notes the secrets in a text, except those named in `allowed`. */
export function checkText(source: string, text: string, allowed: string[] = []): void {
  checked += 1;
  const found = secretsIn(text).filter((name) => !allowed.includes(name));
  if (found.length > 0) leaks.push(`${source}: ${found.join(', ')} in ${text.slice(0, 2000)}`);
}

/** The same for an answer of the HTTP API, headers included. */
export function checkAnswer(route: string, status: number, text: string): void {
  checkText(route, text, status < 400 ? GIVEN[route] : []);
}

/** Checks everything from now on; the function that it returns ends that. */
export function watch(): () => void {
  const onLine = (message: unknown): void => checkText('a log line', String(message));
  const onWritten = (message: unknown): void => {
    const { modulePath, line } = wrote.parse(message);
    if (!modulePath.includes(PROBES)) checkText(`a line of ${modulePath}`, line);
  };
  const onAnswered = (message: unknown): void => {
    const { modulePath, event, payload } = ran.parse(message);
    if (modulePath.includes(PROBES)) return;
    const status = answered.safeParse(JSON.parse(payload)).data?.statusCode ?? 0;
    checkAnswer(asked.safeParse(event).data?.routeKey ?? modulePath, status, payload);
  };
  const listeners = { 'product-line': onLine, 'function-line': onWritten, 'function-answer': onAnswered };
  for (const [name, listener] of Object.entries(listeners)) subscribe(name, listener);
  return () => {
    for (const [name, listener] of Object.entries(listeners)) unsubscribe(name, listener);
  };
}

/** What has leaked since the last time, and how many texts were checked so far. */
export function takeLeaks(): { leaks: string[]; checked: number } {
  const taken = leaks;
  leaks = [];
  return { leaks: taken, checked };
}
