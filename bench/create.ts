/**
 * What `POST /v1/uploads` costs beside the bare getSignedUrl of the SDK, and ten part URLs beside one: the CPU of one
 * call, all measured one after the other in one process.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { startLedger } from './ledger.ts';
import { median, rowsOf } from './report.ts';
import type { Bench, Figures, Options } from './report.ts';

const ROUNDS = 15;
/** Until V8 has compiled what is called, on both sides. */
const WARM_UP_ROUNDS = 8;
/**
 * Of one size throughout. V8 makes it smaller after a full collection, and what is measured next pays for its growth:
 * the same calls then take twice as long in some rounds, or in all of a run.
 */
const YOUNG_GENERATION = ['--min-semi-space-size=16', '--max-semi-space-size=16'];
const PROCESS = fileURLToPath(new URL('create-process.ts', import.meta.url));

const round = z.object({
  create: z.number(),
  createWithLedger: z.number(),
  getSignedUrl: z.number(),
  tenPartUrls: z.number(),
  tenGetSignedUrls: z.number(),
});

type Round = z.output<typeof round>;

const SUBJECTS: Record<keyof Round, string> = {
  create: 'bridge: POST /v1/uploads, without its ledger',
  createWithLedger: 'bridge: POST /v1/uploads, with its ledger',
  getSignedUrl: 'getSignedUrl',
  tenPartUrls: 'bridge: ten part URLs',
  tenGetSignedUrls: 'getSignedUrl of ten parts',
};

export const bench: Bench = {
  limits: { createVsGetSignedUrl: 1, tenPartUrlsVsGetSignedUrl: 3 },
  measure,
};

async function measure({ rounds = ROUNDS, log }: Options): Promise<Figures> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-create-'));
  const ledger = await startLedger({ directory });
  const child = fork(PROCESS, {
    execArgv: ['--disable-warning=ExperimentalWarning', ...YOUNG_GENERATION],
    // Its log lines are written, and no process reads them.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      AWS_REGION: ledger.service.provider.region,
      AWS_ACCESS_KEY_ID: ledger.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: ledger.credentials.secretAccessKey,
      AWS_SESSION_TOKEN: 'a-token-as-every-role-has-one',
      AWS_ENDPOINT_URL_DYNAMODB: ledger.urls.dynamodbUrl,
      UPLOADS_TABLE: ledger.table,
      STAGING_BUCKET: 'staging',
      DELIVERY_QUEUE_URL: `${ledger.urls.sqsUrl}/queue`,
      IPD_PROJECTS: '*',
      PREFLIGHT: 'off',
    },
  });
  try {
    await next(child);
    const measured: Round[] = [];
    for (let number = 1 - WARM_UP_ROUNDS; number <= rounds; number += 1) {
      child.send('measure');
      const figures = round.parse(await next(child));
      if (number > 0) measured.push(figures);
      if (number > 0 && number % 5 === 0) log(`round ${number} of ${rounds}`);
    }
    return figuresOf(measured);
  } finally {
    child.kill();
    await ledger.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** The child's next message; throws when it ends instead. */
async function next(child: ReturnType<typeof fork>): Promise<unknown> {
  const stop = new AbortController();
  const gone = once(child, 'exit', { signal: stop.signal }).then(([code]) => {
    throw new Error(`what is measured ended with ${String(code)}`);
  });
  gone.catch(() => undefined);
  try {
    const [message] = await Promise.race([once(child, 'message', { signal: stop.signal }), gone]);
    return message;
  } finally {
    stop.abort();
  }
}

function figuresOf(rounds: Round[]): Figures {
  const names = round.keyof().options;
  const valuesOf = (name: keyof Round): number[] => rounds.map((figures) => figures[name]);
  const ratio = (name: keyof Round, peer: keyof Round): number =>
    median(valuesOf(name)) / median(valuesOf(peer));
  return {
    rows: names.flatMap((name) =>
      rowsOf({ subject: SUBJECTS[name], metric: 'CPU a call', unit: 'µs', values: valuesOf(name) }),
    ),
    ratios: {
      createVsGetSignedUrl: ratio('create', 'getSignedUrl'),
      createWithLedgerVsGetSignedUrl: ratio('createWithLedger', 'getSignedUrl'),
      tenPartUrlsVsGetSignedUrl: ratio('tenPartUrls', 'getSignedUrl'),
      tenGetSignedUrlsVsGetSignedUrl: ratio('tenGetSignedUrls', 'getSignedUrl'),
    },
  };
}
