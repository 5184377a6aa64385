/**
 * What the commands need to use a running embedded stack: its addresses, a token for a user, and a work
 * item to attach to (the fake IPD takes any).
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fill, Trouble } from './texts.ts';

export const ANY_WORK_ITEM = { projectId: '0123456789abcdef0123456789abcdef', issueId: '956239067176935400' };

const stackFile = z.object({ apiUrl: z.string(), tokenUrl: z.string() });
const tokenAnswer = z.object({ access_token: z.string() });

/** The folder where `npm start` keeps its data and the addresses of what it has started. */
export function localDirectory(): string {
  return process.env['LOCAL_DATA_DIRECTORY'] || join(import.meta.dirname, '..', '.local');
}

/** The addresses that `npm start` wrote down. Throws in one line when there is no stack. */
export async function findLocalStack(): Promise<z.infer<typeof stackFile>> {
  const text = await readFile(join(localDirectory(), 'stack.json'), 'utf8').catch(() => undefined);
  if (text === undefined) throw new Trouble(({ stack }) => stack.noneOrApi);
  return stackFile.parse(JSON.parse(text));
}

/** A development token for a user, from the stack's issuer. */
export async function mintToken(tokenUrl: string, sub: string): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const init = { method: 'POST', headers, body: JSON.stringify({ sub }) };
  const response = await fetch(tokenUrl, init).catch((error: unknown) => {
    throw new Trouble(({ stack }) => fill(stack.silent, { url: tokenUrl }), { cause: error });
  });
  if (!response.ok) {
    throw new Trouble(({ stack }) => fill(stack.answered, { url: tokenUrl, status: response.status }));
  }
  return tokenAnswer.parse(await response.json()).access_token;
}
