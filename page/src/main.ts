/** Starts the page: its settings, the sign-in, the work item, then the files. */
import { createClient } from '../../packages/client/src/client.ts';
import { readConfig } from './config.ts';
import type { Config } from './config.ts';
import { createBanners } from './banners.ts';
import { byId, createSpeaker } from './dom.ts';
import { showFiles } from './files.ts';
import { createSession } from './session.ts';
import type { Session, Start } from './session.ts';
import { texts } from './texts.ts';
import { showPerson, showProblems, showSignIn, showText, showWorkItemForm } from './views.ts';
import { readLink } from './work-item.ts';

async function run(): Promise<void> {
  document.documentElement.lang = texts.language;
  document.title = texts.title;
  byId('title', HTMLElement).textContent = texts.title;
  const address = new URL('./', location.href);
  if (!window.isSecureContext) return showProblems([texts.config.insecure]);
  const checked = await readConfig(address.href);
  if (checked.kind === 'problems') return showProblems(checked.problems);

  const { config } = checked;
  const speak = createSpeaker(byId('spoken', HTMLElement));
  const banners = createBanners({ speak, onSignIn: () => session.signInAgain() });
  const session = createSession({
    config,
    address: address.href,
    onLapse: (isLapsed) => banners.showLapse(isLapsed),
  });
  const start = await session.start();
  if (start.kind === 'leaving') return showText(texts.signIn.busy);
  if (start.kind === 'handed over') return showText(texts.signIn.done);
  openWorkItem({ config, session, start, speak });
}

type Opening = { config: Config; session: Session; start: Start; speak: (text: string) => void };

function openWorkItem({ config, session, start, speak }: Opening): void {
  const link = readLink(location.search);
  if (start.kind === 'signed in') showPerson(session);
  const problem = start.kind === 'signed out' ? start.problem : undefined;
  if (problem !== undefined) return showSignIn({ session, problem });
  if (link.kind !== 'work item') return showWorkItemForm(link);
  if (start.kind === 'signed out') return showSignIn({ session });
  const client = createClient({ apiUrl: config.apiUrl, token: (refused) => session.token(refused) });
  showFiles({ client, workItem: link.workItem, ipdUrl: config.ipdUrl, speak });
}

run().catch((error: unknown) => showProblems([error instanceof Error ? error.message : String(error)]));
