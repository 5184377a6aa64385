/** What is wrong with a trial: pure, over what the lines saw and what there is in the end. PROTOCOL.md tells the rules. */
import { isPart } from './exchange.ts';
import type { Exchange } from './exchange.ts';
import type { Finished } from './protocol.ts';
import type { Scenario } from './scenario.ts';
import type { Remains } from './station.ts';

export type Evidence = {
  ends: Scenario['ends'];
  /** Of the file that was to arrive. */
  sha256: string;
  exchanges: readonly Exchange[];
  /** When each life began, on the clock of the exchanges. */
  lives: readonly number[];
  /** Absent when the client was killed at its last breath and had nothing to resume. */
  finished: Finished | undefined;
  remains: Remains;
  /** What the client has kept, in files and elsewhere. */
  left: readonly string[];
};

/** The line's clock and the client's timers may differ by so much. */
const TOLERANCE_MS = 30;
const MOST_IN_A_SECOND = 4;
const FORBIDDEN_HEADERS = ['authorization', 'cookie', 'idempotency-key', 'x-auth-token'];

/** One sentence for each fault. */
export function judge(given: Evidence): string[] {
  // The check before an upload is left out where IPD is slow to answer it: then the delivery fails with that reason.
  const isLate = given.ends === 'refused' && given.finished?.status === 'failed';
  const evidence = isLate ? { ...given, ends: 'failed' as const } : given;
  return [
    ...judgeEnd(evidence),
    ...judgeRemains(evidence),
    ...judgeRequests(evidence),
    ...evidence.left.map((item) => `left behind: ${item}`),
  ];
}

/** What is wrong with the requests alone, however the trial ended. */
export function judgeRequests({ exchanges, lives }: Pick<Evidence, 'exchanges' | 'lives'>): string[] {
  return [
    ...needlessParts({ exchanges, lives }),
    ...hastyRequests(exchanges),
    ...talkativeRequests(exchanges),
  ];
}

function judgeEnd({ ends, finished, remains }: Evidence): string[] {
  if (!finished) return [];
  const { status, attachment, error } = finished;
  const faults: string[] = [];
  if (status !== ends)
    faults.push(`ended as ${status}${error ? ` (${error.code}: ${error.message})` : ''}, not ${ends}`);
  const [received] = remains.attachments;
  if (status === 'delivered' && received && attachment !== received.id) {
    faults.push(`reported the attachment ${String(attachment)}, not ${received.id}`);
  }
  const hasReason = error && error.code !== '' && error.message !== '';
  if ((status === 'failed' || status === 'refused') && !hasReason) faults.push('gave no reason for its end');
  return faults;
}

function judgeRemains({ ends, sha256, remains }: Evidence): string[] {
  const { attachments, uploads, openMultiparts } = remains;
  const wanted = ends === 'delivered' ? 1 : 0;
  const records = ends === 'refused' ? 0 : 1;
  const faults: string[] = [];
  if (attachments.length !== wanted) faults.push(`IPD has ${attachments.length} attachments, not ${wanted}`);
  if (attachments.some((one) => one.sha256 !== sha256)) faults.push('IPD has other bytes');
  if (uploads.length !== records) faults.push(`the API has ${uploads.length} uploads, not ${records}`);
  for (const { status } of uploads) if (status !== ends) faults.push(`the API has the upload as ${status}`);
  if (openMultiparts.length > 0) faults.push('storage has an open multipart upload');
  return faults;
}

/**
 * Storage had the part, and the client knew or could know: it was answered, or began its life afterwards. A request
 * from before that beginning is the last one of a browser that has not yet noted its driver's death.
 */
function needlessParts({ exchanges, lives }: Pick<Evidence, 'exchanges' | 'lives'>): string[] {
  const parts = exchanges.filter(isPart);
  return parts.flatMap((again, index) => {
    const born = lives[again.life - 1] ?? Number.POSITIVE_INFINITY;
    const isNeedless = parts
      .slice(0, index)
      .some(
        ({ name, farStatus, status, at, life }) =>
          name === again.name &&
          farStatus === 200 &&
          (status === 200 || (life < again.life && at < born && again.at > born)),
      );
    return isNeedless ? [`sent ${again.name} again, which storage had`] : [];
  });
}

function hastyRequests(exchanges: readonly Exchange[]): string[] {
  return groups(exchanges).flatMap((same) =>
    same.flatMap((next, index) => {
      const before = same[index - 1];
      const burst = same[index - MOST_IN_A_SECOND];
      const waits = (before?.retryAfterSeconds ?? 0) * 1000;
      const waited = next.at - (before?.answeredAt ?? Number.NEGATIVE_INFINITY);
      const faults: string[] = [];
      if (waits > 0 && waited < waits - TOLERANCE_MS) {
        faults.push(`asked for ${next.name} after ${Math.round(waited)} ms instead of ${waits} ms`);
      }
      if (burst && next.at - burst.at < 1000) {
        faults.push(`asked for ${next.name} more than ${MOST_IN_A_SECOND} times within a second`);
      }
      return faults;
    }),
  );
}

/** The requests of one name in one life, each in their order. */
function groups(exchanges: readonly Exchange[]): Exchange[][] {
  return [...Map.groupBy(exchanges, ({ to, life, name }) => `${to} ${life} ${name}`).values()];
}

function talkativeRequests(exchanges: readonly Exchange[]): string[] {
  return exchanges
    .filter(isPart)
    .flatMap(({ name, headers }) =>
      FORBIDDEN_HEADERS.filter((header) => headers[header] !== undefined).map(
        (header) => `sent ${header} with ${name} to storage`,
      ),
    );
}
