/**
 * What the commands know of an embedded stack that somebody runs: where it is, how to become a user of it,
 * and a work item to attach to, since the fake IPD takes any.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

export const ANY_WORK_ITEM = { projectId: '0123456789abcdef0123456789abcdef', issueId: '956239067176935400' };

const stackFile = z.object({ apiUrl: z.string(), tokenUrl: z.string() });
const tokenAnswer = z.object({ access_token: z.string() });

/** The addresses that `npm start` wrote down. Throws in one line when there is no stack. */
export async function findLocalStack(): Promise<z.infer<typeof stackFile>> {
  const directory = process.env['LOCAL_DATA_DIRECTORY'] || join(import.meta.dirname, '..', '.local');
  const text = await readFile(join(directory, 'stack.json'), 'utf8').catch(() => undefined);
  if (text === undefined) throw new Error('Give --api, or run npm start in another terminal first');
  return stackFile.parse(JSON.parse(text));
}

/** A development token for a user, from the stack's issuer. */
export async function mintToken(tokenUrl: string, sub: string): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(tokenUrl, { method: 'POST', headers, body: JSON.stringify({ sub }) });
  if (!response.ok) throw new Error(`${tokenUrl} answered ${response.status}`);
  return tokenAnswer.parse(await response.json()).access_token;
}
