/** Describes what a probe of IPD has found out about links and comments, and which setting can be used. Pure. */
import type { CommentFindings, LinkFindings, Outcome } from './probing-links.ts';
import { fill, texts } from '../texts.ts';

/** In lines for people. */
export function describeLinks(found: LinkFindings): string[] {
  const { links } = texts.ops;
  const { list, create, shown, titles = [], equal, remove, gone, again } = found;
  const rows = { count: list.rows };
  return [
    say(list, links.list, fill(list.isCut ? links.listCut : links.listed, rows)),
    ...(create ? [say(create, links.create, sayMade(create))] : []),
    ...(shown ? [sayDelay(shown, links.shown, links.notShown)] : []),
    ...(shown?.isKept === false && shown.afterMs !== undefined ? [links.titleChanged] : []),
    ...titles.map((title) =>
      say(title, fill(links.title, { label: texts.ops.labels[title.label] }), links.taken),
    ),
    ...(equal ? [say(equal, links.equal, fill(links.equalTaken, { rows: equal.rows }))] : []),
    ...(remove
      ? [say(remove, links.remove, fill(links.removed, { shape: texts.ops.shapes[remove.shape] }))]
      : []),
    ...(gone ? [sayDelay(gone, links.gone, links.notGone)] : []),
    ...(again ? [say(again, links.again, links.taken)] : []),
    ...(found.left > 0 ? [fill(links.linksLeft, { count: found.left })] : []),
  ];
}

/** The same of comments. */
export function describeComments({ create, list, shown, remove, left }: CommentFindings): string[] {
  const { links } = texts.ops;
  const members = (pieces: string[]): string => pieces.join(texts.separators.clauses) || links.none;
  return [
    say(create, links.comment, links.taken),
    ...(list && !list.isDone ? [say(list, links.comments, '')] : []),
    ...(shown ? [sayDelay(shown, links.commentShown, links.commentNotShown)] : []),
    ...(shown?.afterMs === undefined
      ? []
      : [fill(links.markup, { kept: members(shown.kept), changed: members(shown.changed) })]),
    ...(remove ? [say(remove, links.commentRemove, links.taken)] : []),
    ...(left > 0 ? [links.commentLeft] : []),
  ];
}

/** What can be used with this tenant: every call that it needs was carried out. */
export function describeUse(links: LinkFindings, comments: CommentFindings): string[] {
  const needed = [links.list, links.create, links.remove];
  const actions = needed.flatMap((outcome) => outcome?.action ?? []);
  const canLink = needed.every((outcome) => outcome?.isDone);
  return [
    canLink ? texts.ops.links.canLink : texts.ops.links.cannotLink,
    ...actions.map((action) => fill(texts.ops.links.allow, { action })),
    comments.create.isDone ? texts.ops.links.canComment : texts.ops.links.cannotComment,
  ];
}

function sayMade({ isNamed, shape }: NonNullable<LinkFindings['create']>): string {
  const words = isNamed ? texts.ops.links.idNamed : texts.ops.links.idNotNamed;
  return fill(words, { shape: texts.ops.shapes[shape] });
}

function say(outcome: Outcome, what: string, done: string): string {
  const { answer, action } = outcome;
  if (outcome.isDone) return fill(texts.ops.links.done, { what, done });
  return action === undefined
    ? fill(texts.ops.links.refused, { what, answer })
    : fill(texts.ops.links.forbidden, { what, answer, action });
}

function sayDelay({ afterMs }: { afterMs: number | undefined }, shown: string, notShown: string): string {
  return afterMs === undefined ? notShown : fill(shown, { seconds: (afterMs / 1000).toFixed(1) });
}
