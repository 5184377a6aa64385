/**
 * The requests to AWS that one upload needs without a failure, step by step, and those of a month without uploads.
 * tests/integration/bench/usage.test.ts checks the counts: it sends uploads through the functions and counts every request. The
 * times on AWS, which no test on one machine can measure, are named assumptions. Pure.
 */

export type Step = {
  /** The function that runs, and how often if not once. */
  run?: 'uploads' | 'deliver' | 'files';
  runs?: number;
  /** Requests by their operation; for storage by method and sub-resource. DELETE is free. */
  calls: Record<string, number>;
  /** Whole records written, small items written, and index entries added, removed or changed. */
  records?: number;
  items?: number;
  entries?: number;
  /** Requests to the queue that AWS makes for us: the bucket's message, and the two that receive and delete it. */
  queued?: number;
  /** Lines that the functions log, including those of metrics. */
  lines?: number;
};

export const steps = {
  create: {
    run: 'uploads',
    calls: { GetItem: 2, Query: 1, UpdateItem: 2, PutItem: 2 },
    records: 1,
    // The idempotency key and two counters.
    items: 3,
    entries: 3,
    lines: 2,
  },
  begin: { calls: { 'POST ?uploads': 1 } },
  /** No function runs for it: the delivery records that the file has arrived. */
  put: { calls: { PUT: 1 }, queued: 1, lines: 2 },
  putPart: { calls: { 'PUT ?uploadId': 1 } },
  complete: {
    run: 'uploads',
    calls: { GetItem: 1, 'GET ?uploadId': 1, 'POST ?uploadId': 1, HEAD: 1, PutItem: 1, SendMessage: 1 },
    records: 1,
    entries: 2,
    queued: 1,
    lines: 2,
  },
  poll: { run: 'uploads', calls: { GetItem: 1 } },
  deliver: {
    run: 'deliver',
    calls: { GetItem: 2, GET: 1, PutItem: 7, Publish: 1 },
    records: 5,
    items: 2,
    entries: 6,
    queued: 2,
    lines: 4,
  },
  /** A long delivery records its progress. */
  progress: { calls: { PutItem: 1 }, records: 1 },
  /** The bucket's message about a file that `complete` has queued already. */
  echo: { run: 'deliver', calls: { GetItem: 1 }, queued: 2 },
  /** In a delivery's place: storage copies the file, and IPD gets a link. */
  link: {
    run: 'deliver',
    calls: { GetItem: 2, PUT: 1, PutItem: 4, Publish: 1 },
    records: 4,
    entries: 7,
    queued: 2,
    lines: 4,
  },
  /** What three sweeps do beside the usual, and two deliveries: the link is deleted, and looked for once more. */
  remove: {
    run: 'deliver',
    runs: 2,
    calls: { GetItem: 11, PutItem: 11, Publish: 1, SendMessage: 2 },
    records: 9,
    items: 2,
    entries: 9,
    queued: 4,
    lines: 6,
  },
  /** A browser follows a link: the route's answer, and storage's. */
  download: { run: 'files', calls: { GetItem: 1, UpdateItem: 1, GET: 1 }, items: 1 },
  /** A file that is too large where that is refused. */
  refuse: { run: 'uploads', calls: {} },
} as const satisfies Record<string, Step>;

export type StepName = keyof typeof steps;

/** Times in seconds. */
export const assumptions = {
  create: 0.4,
  complete: 0.15,
  poll: 0.015,
  deliver: 1.5,
  echo: 0.05,
  link: 1,
  remove: 0.5,
  download: 0.03,
  refuse: 0.02,
  sweep: 0.1,
  queue: 0.5,
  mibPerSecondToIpd: 4,
  mibPerSecondCopied: 100,
  pollEvery: 1,
  progressEvery: 5,
  staged: 3_600,
};

export type Assumptions = typeof assumptions;

/** What each assumption means. */
export const meanings: Record<keyof Assumptions, string> = {
  create: 's: `create`, which checks the work item in IPD once',
  complete: 's: `complete`, which lists the parts and joins them',
  poll: 's: a read of an upload',
  deliver: 's: a delivery beside its bytes: list, new connection, answer, ledger',
  echo: 's: a message for a file that is on its way already',
  link: 's: a delivery as a link beside the copy: lists, requests to IPD, ledger',
  remove: 's: each of the two deliveries that remove a link',
  download: 's: the answer to a browser that follows a link',
  refuse: 's: a refusal of `create`',
  sweep: 's: a sweep that finds nothing',
  queue: 's: from the stored file to the start of its delivery',
  mibPerSecondToIpd: 'MiB/s: what the way to IPD carries, and IPD takes',
  mibPerSecondCopied: 'MiB/s: how fast storage copies a file within a bucket',
  pollEvery: 's: how often a client reads it, as `Retry-After` says',
  progressEvery: 's: how often a delivery writes down how far it is',
  staged: 's: how long a file is billed in storage; it stays for seconds',
};

/** In bytes. */
export const sizes = {
  /** A record has about 1 KB, and more with long names: two units are always counted. */
  recordUnits: 2,
  /** Kept of each upload: its record, three small items and an index entry, each with DynamoDB's 100 bytes. */
  kept: 2_500,
  /** An answer of the API with its headers, and the bytes that a signed part URL adds. */
  answer: 1_500,
  partUrl: 700,
  /** The log lines of the platform for an invocation, and a line of the functions, each with CloudWatch's 26 bytes. */
  invocationLog: 400,
  line: 400,
};

/** How often each step happens for a file of `mib` MiB, sent in `parts` parts (1: by a single request). */
export function stepsOf(
  mib: number,
  { parts, assumed }: { parts: number; assumed: Assumptions },
): Partial<Record<StepName, number>> {
  const sending = mib / assumed.mibPerSecondToIpd;
  const waiting = assumed.queue + assumed.deliver + sending;
  const polls = Number.isFinite(assumed.pollEvery) ? 1 + Math.ceil(waiting / assumed.pollEvery) : 0;
  const both = { create: 1, poll: polls, deliver: 1, progress: Math.floor(sending / assumed.progressEvery) };
  return parts === 1 ? { ...both, put: 1 } : { ...both, begin: 1, putPart: parts, complete: 1, echo: 1 };
}

/** The same for a file that becomes a link. No bytes go to IPD. */
export function linkStepsOf(
  mib: number,
  { parts, assumed }: { parts: number; assumed: Assumptions },
): Partial<Record<StepName, number>> {
  const waiting = assumed.queue + assumed.link + mib / assumed.mibPerSecondCopied;
  const polls = 1 + Math.ceil(waiting / assumed.pollEvery);
  return { create: 1, begin: 1, putPart: parts, complete: 1, echo: 1, poll: polls, link: 1 };
}

/** The counts of a month without uploads. */
export const idle = {
  /** One a minute, 730 hours. */
  sweeps: 43_800,
  /** The sweep reads eight shards of people's uploads, eight of producers', and the breaker; every tenth time it also counts. */
  sweepReadUnits: 16 * 0.5 + 1 + (16 * 0.5) / 10,
  /** One line about its work, one with its metrics. */
  sweepLines: 2,
  /** Metrics that the sweep writes even without uploads; those of uploads are billed only in hours with uploads. */
  metrics: 3,
  alarmMetrics: 30,
  /**
   * With a maximum concurrency, five pollers poll each of the two queues all the time, and each request takes 20 s:
   * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
   */
  receives: (2 * 5 * 730 * 3_600) / 20,
  secrets: 1,
};
