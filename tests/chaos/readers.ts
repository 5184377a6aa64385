/**
 * People who follow the links of work items: the address answers with a signed URL of storage, and storage with the file,
 * sometimes in two halves. They know the address alone; a browser repeats a call that gets no answer.
 */
import { createHash } from 'node:crypto';
import { createAsk } from './asking.ts';
import type { Platform } from './platform.ts';
import type { World } from './world.ts';
import { SECOND_MS } from '../../lib/domain/units.ts';

/** Where links begin in a simulated world, and where no address is that works. */
export const PUBLIC_URL = 'https://files.example.com';

/** What a browser gets: a file, storage's refusal of a signed URL, or no signed URL at all. */
export type Followed =
  | { kind: 'file'; bytes: Buffer; disposition: string }
  | { kind: 'refused by storage'; status: number; ageMs: number }
  | { kind: 'not found' }
  | { kind: 'no answer' };

/** Follows a link. `pauseMs`: how long the browser takes between its requests to storage. */
export async function follow(
  url: string,
  { world, platform, pauseMs = 0 }: { world: World; platform: Platform; pauseMs?: number },
): Promise<Followed> {
  const { time, storage } = world;
  const [, id = '', secret = ''] = /^\/v1\/files\/([^/]+)\/([^/]+)$/.exec(new URL(url).pathname) ?? [];
  if (new URL(url).origin !== PUBLIC_URL) return { kind: 'not found' };
  const ask = createAsk('', { world, platform });
  const reply = await ask({
    route: 'GET /v1/files/{id}/{secret}',
    parameters: { id, secret },
    claims: null,
  });
  if (reply.kind === 'refusal') return { kind: reply.status === 404 ? 'not found' : 'no answer' };
  const location = String(reply.headers['location']);
  const signedAt = time.now();
  await time.sleep(pauseMs / 2);
  const first = storage.get(location);
  const half = Math.ceil((first.bytes?.length ?? 0) / 2);
  if (first.bytes === undefined || pauseMs === 0) return answerOf(first, time.now() - signedAt);
  // Storage has said that it is there: a download that was cut goes on where it stopped.
  await time.sleep(pauseMs / 2);
  const rest = storage.get(location, { from: half });
  if (rest.bytes === undefined) return answerOf(rest, time.now() - signedAt);
  return answerOf({ ...first, bytes: Buffer.concat([first.bytes.subarray(0, half), rest.bytes]) }, 0);
}

function answerOf(
  { status, bytes, disposition = '' }: ReturnType<World['storage']['get']>,
  ageMs: number,
): Followed {
  return bytes === undefined
    ? { kind: 'refused by storage', status, ageMs }
    : { kind: 'file', bytes, disposition };
}

/** The life of a signed URL, which storage refuses afterwards. */
export const SIGNED_FOR_MS = 60 * SECOND_MS;

export function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
