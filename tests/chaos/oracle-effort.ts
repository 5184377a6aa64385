/**
 * Bounds what the product costs others: requests to IPD for one upload, in one attempt and in all, and by minute; reads
 * of a sweep for each record that is due. It reads the chronicle and judges.
 */
import type { Chronicle, IpdContact } from './chronicle.ts';
import { HOUR, isFinal, MINUTE } from './oracle-reading.ts';
import type { Version } from './oracle-reading.ts';

/**
 * What a delivery costs IPD, by docs/delivery.md: the list, and the upload or a check; for a link, the list of links, and
 * the new link or a deletion.
 */
const REQUESTS_A_DELIVERY = 2;
/** Pre-flight requests come on top. */
const PREFLIGHT_SHARE = 0.25;

/**
 * What one run of a function asks IPD at most: four tries when IPD throttles, each perhaps again with a fresh token; five
 * downloads a check; a list of links after one that IPD has made without naming it; the few links that people copy.
 */
const PER_RUN: Record<string, number> = {
  list: 8,
  upload: 6,
  download: 12,
  token: 8,
  linkList: 9,
  linkCreate: 4,
  linkDelete: 8,
  commentCreate: 1,
};
/** What an upload asks at most once in its life: a comment is never made again. */
const ONCE = 'commentCreate';
/** The retry delays grow to hours, and jitter may halve them often: so many attempts ask IPD at once, and in an hour. */
const TRIES = { atOnce: 12, hourly: 6 };
/**
 * While nothing reaches IPD, or IPD refuses the credentials, one delivery tests whether that is over: at first twice in
 * a minute, then every 5 min.
 */
const TESTS = { atOnce: 12, hourly: 12 };
const TESTED_FOR = new Set(['unreachable', 'signatureFailed', 'keyLocked']);
/** An upload that IPD throttles waits 2 to 4 s, doubled up to 2.5 to 5 min: docs/delivery.md. */
const THROTTLES = { atOnce: 8, hourly: 24 };
const THROTTLED = new Set(['throttled', 'serviceThrottled']);
/** Each doubt asks for a few checks within its window, and then the file is sent again at once. */
const CHECKS_A_DOUBT = 5;
/** An attempt that finds another upload of its size at work asks IPD nothing: at first often, then all 5 to 10 min. */
const WAITS = { atOnce: 16, hourly: 12 };
/**
 * A sweep reads what all sweeps share (breaker, tries, slots, the listing of drops), and each record; a record again after
 * each write of the sweep that was refused, since another writer was faster.
 */
const SWEEP_READS = { run: 5, record: 2, refused: 1 };

/** All findings of one upload. */
export function judgeRequests(contacts: readonly IpdContact[], versions: readonly Version[]): string[] {
  const findings: string[] = [];
  for (const ofRun of Map.groupBy(contacts, ({ run }) => run).values()) {
    for (const [operation, some] of Map.groupBy(ofRun, (contact) => contact.operation)) {
      const most = PER_RUN[operation] ?? 0;
      if (some.length > most) findings.push(`asked IPD ${some.length} times for ${operation} in one run`);
    }
  }
  const onces = contacts.filter(({ operation }) => operation === ONCE).length;
  if (onces > 1) findings.push(`asked IPD ${onces} times for ${ONCE}`);
  const since = versions.find(({ record }) => record.status !== 'awaiting_upload')?.at ?? 0;
  const until = versions.findLast(({ record }) => !isFinal(record))?.at ?? 0;
  const hours = Math.max(until - since, 0) / HOUR;
  const ofAttempts = [...Map.groupBy(contacts, ({ attempt }) => attempt).values()];
  const isTest = ({ fault = '' }: IpdContact): boolean => TESTED_FOR.has(fault);
  const testing = ofAttempts.filter((some) => some.every(isTest)).length;
  const tests = TESTS.atOnce + TESTS.hourly * hours;
  if (testing > tests) findings.push(`tried to reach IPD in ${testing} attempts`);
  const throttled = ofAttempts.filter((some) => THROTTLED.has(some.at(-1)?.fault ?? '')).length;
  const throttles = THROTTLES.atOnce + THROTTLES.hourly * hours;
  if (throttled > throttles) findings.push(`was throttled in ${throttled} attempts`);
  const asking = ofAttempts.length - testing - throttled;
  const doubts = versions.filter(
    ({ record }, index) => record.doubt !== undefined && versions[index - 1]?.record.doubt === undefined,
  ).length;
  const tries = TRIES.atOnce + TRIES.hourly * hours + CHECKS_A_DOUBT * doubts;
  if (asking > tries) findings.push(`asked IPD in ${asking} attempts`);
  const attempts = versions.at(-1)?.record.attempts ?? 0;
  if (attempts > tries + testing + throttled + WAITS.atOnce + WAITS.hourly * hours)
    findings.push(`began ${attempts} attempts`);
  return findings;
}

/** The most requests in any minute against the rate that was configured. */
export function judgeRate(requests: readonly number[], deliveriesPerMinute: number): string[] {
  const most = peak(requests);
  const allowed = deliveriesPerMinute * (REQUESTS_A_DELIVERY + PREFLIGHT_SHARE);
  return most > allowed ? [`IPD was asked ${most} times within a minute`] : [];
}

/** The most of them within any minute; they come in order. */
export function peak(times: readonly number[]): number {
  let first = 0;
  let most = 0;
  for (const [index, at] of times.entries()) {
    while ((times[first] ?? at) <= at - MINUTE) first += 1;
    most = Math.max(most, index - first + 1);
  }
  return most;
}

/** A sweep reads what it keeps of its own, and each due record. */
export function judgeSweeps({ runs, due, reads, refused }: Chronicle['sweeps']): string[] {
  const allowed = SWEEP_READS.run * runs + SWEEP_READS.record * due + SWEEP_READS.refused * refused;
  return reads > allowed ? [`sweeps read ${reads} items for ${due} due records in ${runs} runs`] : [];
}
