/**
 * What users do: create uploads, put their files sooner or later, once, twice or never, take them back, ask for another
 * try. They repeat a call that gets no answer, as the client does, and know of their uploads what the API tells.
 */
import { createHash } from 'node:crypto';
import { PutObjectCommand, S3ServiceException } from '@aws-sdk/client-s3';
import { AppError, isProblemCode, problems } from '../../lib/errors.ts';
import { stagingKey } from '../../lib/upload.ts';
import type { Dice } from './dice.ts';
import type { Faults } from './faults.ts';
import type { Platform } from './platform.ts';
import type { World } from './world.ts';

/** One user's file and what becomes of it; times in milliseconds from the start. */
export type Plan = {
  issueId: string;
  filename: string;
  bytes: Buffer;
  isDeclared: boolean;
  hasKey: boolean;
  createAt: number;
  /** When the file is put, counted from the creation. */
  putAfter: number[];
  cancelAfter: number | undefined;
  retryAfter: number[];
};

/** What the referee has to know of a user's upload. */
export type Story = {
  plan: Plan;
  sha256: string;
  uploadId: string | undefined;
  isPut: boolean;
  isOver: boolean;
};

export const projectId = '0123456789abcdef0123456789abcdef';
const FIRST_ISSUE = 956_239_067_176_935_400n;
const caller = { owner: 'user', projects: '*' } as const;
const contentType = 'application/octet-stream';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** A PUT that was begun while its URL lived may take this long. */
const SLOW_PUT_MS = 40 * MINUTE;

/** The number of this work item. */
export const issueIdOf = (index: number): string => String(FIRST_ISSUE + BigInt(index));

/** A few uploads to one or two work items; some have the size, or the very bytes, of an earlier one. */
export function drawPlans(dice: Dice, faults: Faults): Plan[] {
  const plans: Plan[] = [];
  const issues = dice.int(1, 2);
  const count = dice.pick([1, 2, 2, 3, 4, 6]);
  for (let index = 0; index < count; index += 1)
    plans.push(drawPlan(dice, faults, { index, issues, earlier: plans }));
  return plans;
}

function drawPlan(
  dice: Dice,
  faults: Faults,
  { index, issues, earlier }: { index: number; issues: number; earlier: readonly Plan[] },
): Plan {
  const twin = earlier[dice.int(0, Math.max(earlier.length - 1, 0))];
  const isTwin = twin !== undefined && dice.chance(0.25) && faults.happens('equalBytes');
  const isAlike = twin !== undefined && !isTwin && dice.chance(0.4) && faults.happens('equalSize');
  const size = isAlike ? twin.bytes.length : dice.pick([20, dice.int(21, 300), dice.int(300, 3000)]);
  const isAwaited = !(dice.chance(0.05) && faults.happens('noFile'));
  const isLate = isAwaited && dice.chance(0.15) && faults.happens('fileLate');
  const putAfter = isAwaited ? [isLate ? dice.int(1, 100) * MINUTE : dice.int(100, 5 * SECOND)] : [];
  if (isAwaited && dice.chance(0.1) && faults.happens('fileTwice')) putAfter.push(dice.int(1, 30 * MINUTE));
  const own = {
    issueId: issueIdOf(dice.int(0, issues - 1)),
    filename: dice.pick(['photo.jpg', 'report 1.pdf', 'café \u{1F4CE}.txt', '需求说明.txt']),
    bytes: Buffer.concat([Buffer.from([index]), dice.bytes(size - 1)]),
  };
  return {
    ...(isTwin ? twin : own),
    ...(isAlike && { issueId: twin.issueId, filename: twin.filename }),
    isDeclared: dice.chance(0.5),
    hasKey: dice.chance(0.8),
    createAt: dice.pick([0, dice.int(0, 5 * SECOND), dice.int(0, 10 * MINUTE)]),
    putAfter,
    cancelAfter: dice.chance(0.08) ? dice.pick([dice.int(0, 10 * SECOND), dice.int(0, 2 * HOUR)]) : undefined,
    retryAfter: dice.chance(0.3) ? [dice.int(0, HOUR), dice.int(0, 5 * HOUR)] : [],
  };
}

/** Plays a plan from now on; the story that it returns fills in as time goes on. */
export function play(plan: Plan, { world, platform }: { world: World; platform: Platform }): Story {
  const { time, faults, dice, objects, trace } = world;
  const sha256 = createHash('sha256').update(plan.bytes).digest('hex');
  const story: Story = { plan, sha256, uploadId: undefined, isPut: false, isOver: false };

  async function tell(): Promise<void> {
    await time.sleep(plan.createAt);
    const id = await create();
    story.uploadId = id;
    if (id !== undefined) await live(id);
    story.isOver = true;
  }

  async function live(id: string): Promise<void> {
    const created = time.now();
    const at = async (afterMs: number, act: () => Promise<void>): Promise<void> => {
      await time.sleep(created + afterMs - time.now());
      await act();
    };
    await Promise.all([
      ...plan.putAfter.map((afterMs) => at(afterMs, () => put(id, created + afterMs))),
      ...(plan.cancelAfter === undefined ? [] : [at(plan.cancelAfter, () => cancel(id))]),
      ...plan.retryAfter.map((afterMs) => at(afterMs, () => retry(id))),
    ]);
  }

  /** Undefined when the product refuses it. */
  async function create(): Promise<string | undefined> {
    const { issueId, filename, bytes, isDeclared } = plan;
    const key = plan.hasKey ? dice.uuid() : undefined;
    const request = { projectId, issueId, filename, contentType, size: bytes.length };
    for (;;) {
      const answer = await platform.api(({ intake }) =>
        intake.create(caller, { ...request, ...(isDeclared && { sha256 }) }, key),
      );
      if (answer !== undefined && !(answer instanceof AppError)) {
        trace.note('user', 'created', answer.upload.id);
        return answer.upload.id;
      }
      if (answer !== undefined && isProblemCode(answer.code) && !problems[answer.code].retryable)
        return undefined;
      await time.sleep(dice.int(1, 60) * SECOND);
    }
  }

  /** Through the presigned URL, whose life ends with the upload's deadline at the latest. */
  async function put(id: string, due: number): Promise<void> {
    const deadline = Date.parse(world.find(id)?.uploadDeadline ?? '');
    if (due >= deadline) return;
    await time.sleep(Math.min(dice.int(0, 3 * SECOND), deadline + SLOW_PUT_MS - time.now()));
    try {
      objects.execute(
        new PutObjectCommand({ Bucket: '', Key: stagingKey(id), Body: plan.bytes, IfNoneMatch: '*' }),
      );
      trace.note('user', 'put the file', id);
    } catch (error) {
      if (!(error instanceof S3ServiceException)) throw error;
      trace.note('user', 'has put the file already', id);
    }
    story.isPut = true;
  }

  async function cancel(id: string): Promise<void> {
    if (!faults.happens('cancel')) return;
    const answer = await platform.api(({ uploads }) => uploads.cancel(caller, id));
    trace.note('user', answer instanceof AppError ? 'cannot cancel' : 'cancels', id);
  }

  async function retry(id: string): Promise<void> {
    if (world.find(id)?.status !== 'failed' || !faults.happens('retry')) return;
    const answer = await platform.api(({ uploads }) => uploads.retry(caller, id));
    trace.note('user', answer instanceof AppError ? 'cannot retry' : 'retries', id);
  }

  void tell();
  return story;
}
