/**
 * The user and the work item: the three fields at the top, kept over a reload, and the token of the development issuer
 * for the user's name. While a field is wrong, the page sends nothing.
 */
import * as z from 'zod';
import { byId, element, write } from '../../page/src/dom.ts';
import { MINUTE_MS } from '../../lib/domain/units.ts';

export type Identity = ReturnType<typeof createIdentity>;

/** A work item that the fake IPD takes, like any other of this form. */
const SAMPLE = { user: 'me', project: '0123456789abcdef0123456789abcdef', issue: '956239067176935400' };
const STORE = 'ipd-bridge:target';
/** A token is replaced this long before it ends. */
const MARGIN_MS = MINUTE_MS;

const storedSchema = z.object({ user: z.string(), project: z.string(), issue: z.string() });
const tokenSchema = z.object({ access_token: z.string(), expires_in: z.number() });

/** Fills the fields and calls `onChange` when the user changes one; shows the error of a field beside it. */
export function createIdentity(options: { tokenUrl: string; onChange: () => void }) {
  const form = byId('target', HTMLFormElement);
  const fields = {
    user: byId('user', HTMLInputElement),
    project: byId('project', HTMLInputElement),
    issue: byId('issue', HTMLInputElement),
  };
  for (const field of Object.values(fields)) addTrouble(field);
  const kept = read();
  fields.user.value = kept.user;
  fields.project.value = kept.project;
  fields.issue.value = kept.issue;
  let current = kept;
  let minted: { user: string; token: Promise<string>; until: number } | undefined;

  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('change', () => {
    // Each field is read by itself: a wrong one does not stop changes of the others.
    current = {
      user: valueOf(fields.user) ?? current.user,
      project: valueOf(fields.project) ?? current.project,
      issue: valueOf(fields.issue) ?? current.issue,
    };
    for (const field of Object.values(fields)) explain(field);
    localStorage.setItem(STORE, JSON.stringify(current));
    options.onChange();
  });
  // What was typed before would be overwritten.
  for (const field of Object.values(fields)) field.disabled = false;

  return {
    /** The user and the work item; undefined while a field is wrong. */
    target: () => (form.checkValidity() ? current : undefined),

    /** The token of the current user; calls at the same time share one request to the issuer. */
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

function valueOf(field: HTMLInputElement): string | undefined {
  return field.validity.valid ? field.value : undefined;
}

/** Adds the element for a field's error. It is there from the start: a screen reader reads only changes. */
function addTrouble(field: HTMLInputElement): void {
  const id = `${field.id}-wrong`;
  field.after(element('small', { class: 'trouble', id, 'aria-live': 'polite', hidden: '' }));
  field.setAttribute('aria-describedby', id);
}

function explain(field: HTMLInputElement): void {
  const isWrong = !field.validity.valid;
  field.setAttribute('aria-invalid', String(isWrong));
  write(byId(`${field.id}-wrong`, HTMLElement), isWrong ? `Needs ${field.title}. Nothing is sent.` : '');
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
