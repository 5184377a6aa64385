/**
 * The actions of users: they create uploads, send their files early or late, once, twice or never, cancel them, take
 * links back and retry them, or an operator does. They repeat a call that gets no answer, as the client does, and know only what the
 * API answers. How a file gets into storage is in `bringing.ts`.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { filePart, form, FORM_TYPE } from '../support/form.ts';
import { createAsk, readUpload, uploadIn } from './asking.ts';
import type { UploadAnswer } from './asking.ts';
import { createBringing } from './bringing.ts';
import type { Random } from './random.ts';
import type { Faults } from './faults.ts';
import { createPage } from './page.ts';
import type { Beginning } from './page.ts';
import type { Platform } from './platform.ts';
import { follow, sha256Of, SIGNED_FOR_MS } from './readers.ts';
import type { Followed } from './readers.ts';
import type { World } from './world.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../lib/domain/units.ts';

/** One user's file and the actions on it; times in milliseconds from the start. */
export type Plan = {
  /** The owner, where the test needs a certain one. */
  owner?: string;
  issueId: string;
  filename: string;
  bytes: Buffer;
  isDeclared: boolean;
  hasKey: boolean;
  /**
   * How it is staged; a page with Uppy sends a form or parts, and declares no size; a program that speaks to IPD sends
   * it to IPD's own route.
   */
  mode: 'auto' | 'single' | 'multipart' | 'page form' | 'page parts' | 'own route';
  /** A page's file that has more bytes than its session allows. */
  isTooLong: boolean;
  createAt: number;
  /** When the file is put, counted from the creation. */
  putAfter: number[];
  /** Used when the file is sent in parts. */
  parts: PartsPlan;
  cancelAfter: number | undefined;
  retryAfter: number[];
  /** When an operator has it tried again in its owner's place. */
  redriveAfter: number[];
  /** What happens to it where it ends in a link. */
  link?: LinkPlan;
};

/** Times in milliseconds, from the creation of the upload. */
export type LinkPlan = {
  removeLinkAfter: number[];
  removeLinkByOperatorAfter: number[];
  /** `pauseMs`: between the requests of one reader. */
  reads: { afterMs: number; pauseMs: number }[];
};

export type PartsPlan = {
  /** The share of the parts after which the first try ends for good. */
  stopAt: number | undefined;
  /** The share of the parts after which an operator removes S3's multipart upload. */
  dropAt: number | undefined;
  hasRepeats: boolean;
  /** When the client completes the upload, counted from the last part. */
  completeAfter: number[];
};

/** What the oracle has to know of a user's upload. */
export type Story = {
  plan: Plan;
  sha256: string;
  uploadId: string | undefined;
  /** When storage, or the API, said that it had the whole file. */
  storedAt: number | undefined;
  /** The id of the attachment that the answer of IPD's own route named. */
  attachmentId: string | undefined;
  /** The upload as the API shows it in the end. */
  seen: UploadAnswer | undefined;
  /** The state in which the API said that its owner's DELETE has left it. */
  endedAs: string | undefined;
  /** When taking it back was begun by its owner and by an operator, and when the first of them was done. */
  takenBack: { byOwner: number | undefined; byOperator: number | undefined; doneAt: number | undefined };
  /** The addresses of its link that its owner has seen. */
  urls: Set<string>;
  isOver: boolean;
};

export const projectId = '0123456789abcdef0123456789abcdef';
const OWN_ROUTE = 'POST /v1/ipdprojectservice/projects/{project_id}/issues/{issue_id}/attachments/upload';
/** How wrong the clock of a function may be. */
const CLOCK_MS = MINUTE_MS;
const FIRST_ISSUE = 956_239_067_176_935_400n;
const OWNER = 'user';
export const contentType = 'application/octet-stream';
/** All parts, each once, and then one completion. */
export const plainParts: PartsPlan = {
  stopAt: undefined,
  dropAt: undefined,
  hasRepeats: false,
  completeAfter: [0],
};

const ownAnswer = z.object({ result: z.array(z.object({ id: z.string().nullable() })).nullable() });

/** One file, put in one request, and no more. */
export const plainPlan = {
  filename: 'report.pdf',
  isDeclared: true,
  hasKey: true,
  mode: 'single',
  isTooLong: false,
  parts: plainParts,
  createAt: 0,
  putAfter: [SECOND_MS],
  cancelAfter: undefined,
  retryAfter: [],
  redriveAfter: [],
} satisfies Partial<Plan>;

/** The number of this work item. */
export const issueIdOf = (index: number): string => String(FIRST_ISSUE + BigInt(index));

/**
 * A few uploads to one or two work items; some have the size, or the very bytes, of an earlier one. `isLinking`: some
 * may end in a link.
 */
export function drawPlans(random: Random, faults: Faults, { isLinking = false } = {}): Plan[] {
  const plans: Plan[] = [];
  const issues = random.int(1, 2);
  const count = random.pick([1, 2, 2, 3, 4, 6]);
  for (let index = 0; index < count; index += 1)
    plans.push(drawPlan(random, faults, { index, issues, earlier: plans }));
  if (!isLinking) return plans;
  return plans.map((plan, index) => ({ ...plan, link: drawLink(random.fork(`link ${index}`)) }));
}

/** At once, while the upload is under way, or long after its end. */
function drawLink(random: Random): LinkPlan {
  const draw = (): number =>
    random.pick([random.int(0, 20 * SECOND_MS), random.int(0, 30 * MINUTE_MS), random.int(0, 12 * HOUR_MS)]);
  const removeLinkAfter = random.chance(0.35) ? [draw()] : [];
  const [takenBackAt = draw()] = removeLinkAfter;
  return {
    // A DELETE whose answer was lost is repeated; some people click twice.
    removeLinkAfter: random.chance(0.2) ? [...removeLinkAfter, ...removeLinkAfter] : removeLinkAfter,
    removeLinkByOperatorAfter: random.chance(0.1) ? [draw()] : [],
    reads: Array.from({ length: random.int(0, 3) }, () => ({
      // Often while the link is being taken back.
      afterMs: random.chance(0.5) ? takenBackAt + random.int(-20, 20) * SECOND_MS : draw(),
      pauseMs: random.pick([0, random.int(0, 20 * SECOND_MS), random.int(0, 100 * SECOND_MS)]),
    })),
  };
}

function drawPlan(
  random: Random,
  faults: Faults,
  { index, issues, earlier }: { index: number; issues: number; earlier: readonly Plan[] },
): Plan {
  const twin = earlier[random.int(0, Math.max(earlier.length - 1, 0))];
  const isTwin = twin !== undefined && random.chance(0.25) && faults.happens('equalBytes');
  const isAlike = twin !== undefined && !isTwin && random.chance(0.4) && faults.happens('equalSize');
  const size = isAlike ? twin.bytes.length : random.pick([20, random.int(21, 300), random.int(300, 3000)]);
  const isAwaited = !(random.chance(0.05) && faults.happens('noFile'));
  const isLate = isAwaited && random.chance(0.15) && faults.happens('fileLate');
  const putAfter = isAwaited
    ? [isLate ? random.int(1, 100) * MINUTE_MS : random.int(100, 5 * SECOND_MS)]
    : [];
  if (isAwaited && random.chance(0.1) && faults.happens('fileTwice'))
    putAfter.push(random.int(1, 30 * MINUTE_MS));
  const own = {
    issueId: issueIdOf(random.int(0, issues - 1)),
    filename: random.pick(['photo.jpg', 'report 1.pdf', 'café \u{1F4CE}.txt', '需求说明.txt']),
    bytes: Buffer.concat([Buffer.from([index]), random.bytes(size - 1)]),
  };
  const isPage = random.chance(0.18) && faults.happens('sizeUnknown');
  const isOwnRoute = !isPage && random.chance(0.12) && faults.happens('ownRoute');
  const mode = isPage
    ? random.pick(['page form', 'page parts'])
    : random.pick(['auto', 'auto', 'auto', 'multipart', 'single']);
  return {
    ...(isTwin ? twin : own),
    ...(isAlike && { issueId: twin.issueId, filename: twin.filename }),
    isDeclared: random.chance(0.5),
    hasKey: random.chance(0.8),
    mode: isOwnRoute ? 'own route' : mode,
    isTooLong: mode === 'page parts' && random.chance(0.1) && faults.happens('fileTooLong'),
    createAt: random.pick([0, random.int(0, 5 * SECOND_MS), random.int(0, 10 * MINUTE_MS)]),
    putAfter,
    parts: drawParts(random, faults),
    cancelAfter: random.chance(0.08)
      ? random.pick([random.int(0, 10 * SECOND_MS), random.int(0, 2 * HOUR_MS)])
      : undefined,
    retryAfter: random.chance(0.3) ? [random.int(0, HOUR_MS), random.int(0, 5 * HOUR_MS)] : [],
    redriveAfter: random.chance(0.15) ? [random.int(0, HOUR_MS), random.int(0, 8 * HOUR_MS)] : [],
  };
}

/** These faults count only when they happen: only an upload in parts can meet them. */
function drawParts(random: Random, faults: Faults): PartsPlan {
  const completeAfter = [random.pick([0, random.int(0, 5 * SECOND_MS), random.int(0, 6 * MINUTE_MS)])];
  const isSaid = !random.chance(0.25) || !faults.allows('notCompleted');
  const isSaidAgain = random.chance(0.3) && faults.allows('completedTwice');
  return {
    stopAt: random.chance(0.15) && faults.allows('partsMissing') ? random.random() : undefined,
    dropAt: random.chance(0.06) && faults.allows('partsDropped') ? random.random() : undefined,
    hasRepeats: random.chance(0.2) && faults.allows('partTwice'),
    completeAfter: [
      ...(isSaid ? completeAfter : []),
      ...(isSaid && isSaidAgain ? [random.pick([...completeAfter, random.int(0, 5 * MINUTE_MS)])] : []),
    ],
  };
}

/** What a browser gets at the end by each address of a link that IPD shows, or that an owner has seen. */
export type Followings = ReadonlyMap<string, Followed>;

/** Lets every user read its upload once more, and follows all links. */
export async function readInTheEnd(
  stories: readonly Story[],
  { world, platform }: { world: World; platform: Platform },
): Promise<Followings> {
  let isOver = false;
  const followings = new Map<string, Followed>();
  void readAll(stories, { world, platform })
    .then(() => followAll(stories, followings, { world, platform }))
    .finally(() => {
      isOver = true;
    });
  await world.time.run(() => isOver);
  return followings;
}

async function followAll(
  stories: readonly Story[],
  followings: Map<string, Followed>,
  { world, platform }: { world: World; platform: Platform },
): Promise<void> {
  const held = world.ipd.admin.links().map(({ url }) => url);
  const urls = new Set([...held, ...stories.flatMap((story) => [...story.urls])]);
  for (const url of urls) followings.set(url, await follow(url, { world, platform }));
}

async function readAll(
  stories: readonly Story[],
  { world, platform }: { world: World; platform: Platform },
): Promise<void> {
  for (const story of stories) {
    const { uploadId: id, plan } = story;
    if (id === undefined) continue;
    const ask = createAsk(plan.owner ?? OWNER, { world, platform });
    story.seen = uploadIn(await ask({ route: 'GET /v1/uploads/{id}', parameters: { id } }));
    if (story.seen?.link) story.urls.add(story.seen.link.url);
  }
}

/** Runs a plan from now on; the story that it returns is updated as time passes. */
export function play(plan: Plan, { world, platform }: { world: World; platform: Platform }): Story {
  const { time, faults, random, trace } = world;
  const sha256 = createHash('sha256').update(plan.bytes).digest('hex');
  const story: Story = {
    plan,
    sha256,
    uploadId: undefined,
    storedAt: undefined,
    attachmentId: undefined,
    seen: undefined,
    endedAs: undefined,
    takenBack: { byOwner: undefined, byOperator: undefined, doneAt: undefined },
    urls: new Set(),
    isOver: false,
  };
  const ask = createAsk(plan.owner ?? OWNER, { world, platform });
  const openPage = createPage({ story, world, ask });

  async function playStory(): Promise<void> {
    await time.sleep(plan.createAt);
    const begun = await create();
    story.uploadId = begun?.id;
    if (begun !== undefined) await live(begun);
    story.isOver = true;
  }

  async function live({ id, bring }: Extract<Beginning, { kind: 'begun' }>): Promise<void> {
    const created = time.now();
    const at = async (afterMs: number, act: () => Promise<void>): Promise<void> => {
      await time.sleep(created + afterMs - time.now());
      await act();
    };
    await Promise.all([
      ...plan.putAfter.map((afterMs, index) => at(afterMs, () => bring(index))),
      ...(plan.cancelAfter === undefined ? [] : [at(plan.cancelAfter, () => cancel(id))]),
      ...plan.retryAfter.map((afterMs) => at(afterMs, () => retry(id))),
      ...plan.redriveAfter.map((afterMs) => at(afterMs, () => redrive(id))),
      ...(plan.link?.removeLinkAfter ?? []).map((afterMs) => at(afterMs, () => removeLink(id))),
      ...(plan.link?.removeLinkByOperatorAfter ?? []).map((afterMs) =>
        at(afterMs, () => removeLinkByOperator(id)),
      ),
      ...(plan.link?.reads ?? []).map(({ afterMs, pauseMs }) => at(afterMs, () => readLink(id, pauseMs))),
    ]);
  }

  /** Undefined when the product refuses it, or may have it and cannot be asked under the same key. */
  async function create(): Promise<Extract<Beginning, { kind: 'begun' }> | undefined> {
    const begin = beginningOf(plan.mode);
    for (;;) {
      const beginning = await begin();
      if (beginning.kind === 'begun') {
        trace.note('user', 'created', beginning.id);
        return beginning;
      }
      trace.note('user', `cannot create: ${beginning.code}`);
      // A page's ticket is used up by beginnings whose answers were lost.
      if (!beginning.isPassing && beginning.code !== 'ticket_invalid') return undefined;
      if (plan.mode === 'own route' && !plan.hasKey) return undefined;
      await time.sleep(random.int(1, 60) * SECOND_MS);
    }
  }

  function beginningOf(mode: Plan['mode']): () => Promise<Beginning> {
    const { issueId, filename, bytes, isDeclared } = plan;
    const headers = plan.hasKey ? { 'idempotency-key': random.uuid() } : undefined;
    switch (mode) {
      case 'page form':
      case 'page parts':
        return openPage;
      case 'own route':
        return () => attach({ ...headers, 'content-type': FORM_TYPE });
      default: {
        const about = { projectId, issueId, filename, contentType, size: bytes.length, mode };
        const body = { ...about, ...(isDeclared && { sha256 }) };
        return async () => {
          const reply = await ask({ route: 'POST /v1/uploads', body, ...(headers && { headers }) });
          if (reply.kind === 'refusal') return reply;
          const created = readUpload(reply);
          return { kind: 'begun', id: created.id, bring: createBringing(created, { story, world, ask }) };
        };
      }
    }
  }

  /** IPD's own route: the call brings the file. Without a key, a repeated call is another upload. */
  async function attach(headers: Record<string, string>): Promise<Beginning> {
    const body = form(filePart(plan.filename, plan.bytes, contentType));
    const { issueId } = plan;
    const parameters = { project_id: projectId, issue_id: issueId };
    const reply = await ask(
      { route: OWN_ROUTE, parameters, headers, body },
      plan.hasKey ? {} : { maxCalls: 1 },
    );
    if (reply.kind === 'refusal') return reply;
    const location = String(reply.headers['location']);
    story.attachmentId = ownAnswer.parse(reply.body).result?.[0]?.id ?? undefined;
    story.storedAt ??= time.now();
    return { kind: 'begun', id: location.split('/').at(-1) ?? '', bring: async () => undefined };
  }

  async function cancel(id: string): Promise<void> {
    if (!faults.happens('cancel')) return;
    await discard(id);
  }

  /** Removes the upload: until IPD may have the file, and again once it is a link. */
  async function discard(id: string): Promise<void> {
    story.takenBack.byOwner ??= time.now();
    const left = uploadIn(await ask({ route: 'DELETE /v1/uploads/{id}', parameters: { id } }));
    if (left !== undefined) {
      story.endedAs = left.status;
      story.takenBack.doneAt ??= time.now();
    }
    trace.note('user', left === undefined ? 'cannot cancel' : `cancels: ${left.status}`, id);
  }

  async function removeLink(id: string): Promise<void> {
    const seen = await see(id);
    if (seen?.delivery.endsAs !== 'link' || !['delivered', 'unconfirmed', 'failed'].includes(seen.status))
      return;
    if (faults.happens('takenBack')) await discard(id);
  }

  async function removeLinkByOperator(id: string): Promise<void> {
    if (!faults.allows('takenBackByOperator')) return;
    story.takenBack.byOperator ??= time.now();
    if (!(await platform.removeLink(id))) return;
    story.takenBack.doneAt ??= time.now();
    faults.count('takenBackByOperator');
    trace.note('operator', 'takes it back', id);
  }

  async function see(id: string): Promise<UploadAnswer | undefined> {
    const seen = uploadIn(await ask({ route: 'GET /v1/uploads/{id}', parameters: { id } }));
    if (seen?.link) story.urls.add(seen.link.url);
    return seen;
  }

  /** Someone follows the link: the file comes, unless the link was taken back or its time is over. */
  async function readLink(id: string, pauseMs: number): Promise<void> {
    const { takenBack } = story;
    await see(id);
    const [url] = story.urls;
    if (url === undefined || !faults.happens('linkRead')) return;
    const endsAt = world.endOfLink(id);
    const isOver = time.now() > Math.min(takenBack.doneAt ?? Infinity, endsAt + CLOCK_MS);
    const got = await follow(url, { world, platform, pauseMs });
    trace.note('user', `reads: ${got.kind}`, id);
    const isTakenBack = takenBack.byOwner !== undefined || takenBack.byOperator !== undefined;
    const mayBeGone = isTakenBack || time.now() > endsAt - CLOCK_MS;
    // The function that signed may have had a wrong clock.
    const isRefused =
      got.kind === 'refused by storage' && (got.status !== 403 || got.ageMs < SIGNED_FOR_MS - CLOCK_MS / 2);
    const object = (words: string): number =>
      world.surprises.push(`the link of ${trace.nameOf(id)} ${words}`);
    if (isOver && got.kind !== 'not found' && got.kind !== 'no answer') object('works after its end');
    if (!mayBeGone && got.kind === 'not found') object('does not work');
    if (!mayBeGone && isRefused) object(`leads to nothing: ${got.status}`);
    if (got.kind !== 'file') return;
    if (sha256Of(got.bytes) !== sha256) object('leads to other bytes');
    if (!got.disposition.startsWith('attachment')) object('is shown, and not saved');
  }

  async function retry(id: string): Promise<void> {
    const seen = await see(id);
    if (seen?.status !== 'failed' || !faults.happens('retry')) return;
    const { kind } = await ask({ route: 'POST /v1/uploads/{id}/retry', parameters: { id } });
    trace.note('user', kind === 'answer' ? 'retries' : 'cannot retry', id);
  }

  async function redrive(id: string): Promise<void> {
    if (!faults.allows('redrive') || !(await platform.redrive(id))) return;
    faults.count('redrive');
    trace.note('operator', 'has it tried again', id);
  }

  void playStory();
  return story;
}
