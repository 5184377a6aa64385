/**
 * Who is sending, and to which work item: the three fields at the top, kept over a reload, and the token of the
 * development issuer that belongs to the name.
 */
import * as z from 'zod';
import { byId } from './dom.ts';

export type Identity = ReturnType<typeof createIdentity>;

/** A work item that the fake IPD takes, like any other of this form. */
const SAMPLE = { user: 'demo', project: '0123456789abcdef0123456789abcdef', issue: '956239067176935400' };
const STORE = 'ipd-bridge:target';
/** A token is replaced this long before it ends. */
const MARGIN_MS = 60_000;

const storedSchema = z.object({ user: z.string(), project: z.string(), issue: z.string() });
const tokenSchema = z.object({ access_token: z.string(), expires_in: z.number() });

/** Fills the fields and tells when a valid change is made. */
export function createIdentity(options: { tokenUrl: string; onChange: () => void }) {
  const form = byId('target', HTMLFormElement);
  const fields = {
    user: byId('user', HTMLInputElement),
    project: byId('project', HTMLInputElement),
    issue: byId('issue', HTMLInputElement),
  };
  const kept = read();
  fields.user.value = kept.user;
  fields.project.value = kept.project;
  fields.issue.value = kept.issue;
  let current = kept;
  let minted: { user: string; token: Promise<string>; until: number } | undefined;

  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('change', () => {
    if (!form.reportValidity()) return;
    current = { user: fields.user.value, project: fields.project.value, issue: fields.issue.value };
    localStorage.setItem(STORE, JSON.stringify(current));
    options.onChange();
  });

  return {
    current: () => current,

    /** The token of the current user; one call to the issuer serves all who ask meanwhile. */
    token(): Promise<string> {
      const { user } = current;
      if (minted?.user === user && Date.now() < minted.until) return minted.token;
      const entry = { user, until: Infinity, token: Promise.resolve('') };
      entry.token = mint(options.tokenUrl, user).then(
        ({ access_token: token, expires_in: seconds }) => {
          entry.until = Date.now() + seconds * 1000 - MARGIN_MS;
          return token;
        },
        (error: unknown) => {
          minted = undefined;
          throw error;
        },
      );
      minted = entry;
      return entry.token;
    },
  };
}

async function mint(tokenUrl: string, sub: string): Promise<z.infer<typeof tokenSchema>> {
  const response = await fetch(tokenUrl, { method: 'POST', body: JSON.stringify({ sub }) });
  if (!response.ok) throw new Error(`The token issuer answered ${response.status}.`);
  return tokenSchema.parse(await response.json());
}

function read(): typeof SAMPLE {
  const stored = localStorage.getItem(STORE);
  if (stored === null) return SAMPLE;
  try {
    return storedSchema.parse(JSON.parse(stored));
  } catch {
    return SAMPLE;
  }
}
