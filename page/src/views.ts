/** What the page shows before the files: what is wrong with its settings, the sign-in, the form for the work item. */
import { button, byId, element, write } from './dom.ts';
import type { Session } from './session.ts';
import { texts } from './texts.ts';
import { findIds, issueFault, nameOf, projectFault, readLink, toQuery } from './work-item.ts';
import type { Link } from './work-item.ts';

/** Shows why the page cannot start, to the person who sets it up. */
export function showProblems(problems: string[]): void {
  const list = element('ul', {}, ...problems.map((text) => element('li', {}, text)));
  show(element('section', { class: 'card', role: 'alert' }, element('h2', {}, texts.config.heading), list));
}

export function showText(text: string): void {
  show(element('section', { class: 'card', role: 'status' }, element('p', {}, text)));
}

/** Who is signed in, and the way out. */
export function showPerson(session: Session): void {
  const person = byId('person', HTMLElement);
  const name = session.name();
  const leave = (): void => void session.signOut();
  person.replaceChildren(
    ...(name === undefined ? [] : [element('span', { class: 'who' }, name)]),
    button(texts.signIn.out, { class: 'button' }, leave),
  );
  person.hidden = false;
}

export function showSignIn({
  session,
  problem = '',
}: {
  session: Session;
  problem?: string | undefined;
}): void {
  const trouble = element('p', { class: 'trouble', role: 'alert' });
  const link = readLink(location.search);
  const target = link.kind === 'work item' ? nameOf(link.workItem) : '';
  const action = button(texts.signIn.action, { class: 'button primary' }, () => {
    action.disabled = true;
    write(trouble, '');
    session.signIn().catch((error: unknown) => {
      action.disabled = false;
      write(trouble, error instanceof Error ? error.message : String(error));
    });
  });
  show(
    element(
      'section',
      { class: 'card welcome' },
      element('p', { class: 'target' }, target),
      element('h2', {}, texts.signIn.heading),
      element('p', { class: 'lead' }, texts.signIn.lead),
      trouble,
      action,
    ),
  );
  write(trouble, problem);
}

/** Asks for the work item: an address that has both ids, or the ids themselves. */
export function showWorkItemForm(link: Exclude<Link, { kind: 'work item' }>): void {
  const { workItem: words } = texts;
  const paste = createField({ id: 'paste', label: words.paste, hint: words.pasteHint });
  const project = createField({ id: 'project', label: words.project, hint: words.projectHint });
  const issue = createField({ id: 'issue', label: words.issue, hint: words.issueHint });
  issue.input.inputMode = 'numeric';
  if (link.kind === 'wrong') {
    project.input.value = link.projectId;
    issue.input.value = link.issueId;
    project.explain(projectFault(link.projectId));
    issue.explain(issueFault(link.issueId));
  }

  paste.input.addEventListener('input', () => {
    const { projectId, issueId } = findIds(paste.input.value);
    if (projectId !== undefined) project.input.value = projectId;
    if (issueId !== undefined) issue.input.value = issueId;
    const isFruitless = paste.input.value !== '' && projectId === undefined && issueId === undefined;
    paste.explain(isFruitless ? words.nothingFound : undefined);
  });

  const form = element(
    'form',
    { novalidate: '', autocomplete: 'off' },
    paste.node,
    project.node,
    issue.node,
    element('button', { class: 'button primary' }, words.action),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const projectId = project.input.value.trim();
    const issueId = issue.input.value.trim();
    const isWrong = [project.explain(projectFault(projectId)), issue.explain(issueFault(issueId))].includes(
      true,
    );
    if (!isWrong) return location.assign(toQuery({ projectId, issueId }));
    form.querySelector<HTMLInputElement>('[aria-invalid=true]')?.focus();
  });
  const trouble = element('p', { class: 'trouble', role: 'alert' });
  show(
    element(
      'section',
      { class: 'card' },
      element('h2', {}, words.heading),
      element('p', { class: 'lead' }, words.lead),
      trouble,
      form,
    ),
  );
  write(trouble, link.kind === 'wrong' ? texts.link.wrong : '');
}

/** A field with its hint and, while it is wrong, the reason. */
function createField({ id, label, hint }: { id: string; label: string; hint: string }) {
  const describedBy = `${id}-hint ${id}-wrong`;
  const input = element('input', { id, type: 'text', spellcheck: 'false', 'aria-describedby': describedBy });
  const wrong = element('p', { class: 'trouble', id: `${id}-wrong`, hidden: '' });
  return {
    input,
    node: element(
      'div',
      { class: 'field' },
      element('label', { for: id }, label),
      element('p', { class: 'hint', id: `${id}-hint` }, hint),
      input,
      wrong,
    ),
    /** Shows what is wrong with the field; true when something is. */
    explain(fault: string | undefined): boolean {
      input.setAttribute('aria-invalid', String(fault !== undefined));
      write(wrong, fault ?? '');
      return fault !== undefined;
    },
  };
}

function show(...content: Node[]): void {
  byId('content', HTMLElement).replaceChildren(...content);
}
