/** What a client goes through: the scenarios as data, in the groups of the table. Pure. */
import { MIB } from '../../lib/domain/units.ts';
import type { Rule } from './line.ts';
import type { Capability, ClientEvent } from './protocol.ts';
import { nameOf } from './protocol.ts';
import { isPart } from './exchange.ts';
import type { Exchange } from './exchange.ts';

/** The columns of the table, in their order. */
export const GROUPS = [
  'plain',
  'kill at an event',
  'kill before a request',
  'kill within a request',
  'kill after an answer',
  'offline',
  'lost answers',
  'clock',
  'storage refuses',
  'expired',
  'API refuses',
  'ends',
] as const;

export type Group = (typeof GROUPS)[number];

/** Where a life of the client ends: when it says this, or when the request of a `stop` rule stands still. */
export type Point = { event: string } | 'stop';

export type Scenario = {
  group: Group;
  name: string;
  /** Bytes of the file; three parts if not given. */
  size?: number;
  clockAheadMs?: number;
  needs?: Capability;
  rules?: readonly Rule[];
  /** One kill a life. */
  kills?: readonly Point[];
  /** What expires between two lives. */
  expireWhileDead?: boolean;
  /** From the stop at a request on there is no network, until the client says so or has tried again. */
  isOffline?: boolean;
  /** The person cancels once the request of the `stop` rule stands still. */
  isCancelled?: boolean;
  ipd?: 'no such work item' | 'refuses files';
  ends: 'delivered' | 'failed' | 'refused' | 'cancelled';
};

export const THREE_PARTS = 11 * MIB;
const ONE_PART = 300_000;
const HOUR_MS = 3_600_000;
const DELIVERED = { ends: 'delivered' } as const;

/** The undisturbed run, from which the steps of a client are read. */
export const PLAIN: Scenario = { group: 'plain', name: 'three parts', ...DELIVERED };

/** Every scenario that is the same for each client. */
export const SCENARIOS: readonly Scenario[] = [
  { group: 'plain', name: 'one part', size: ONE_PART, ...DELIVERED },
  { group: 'plain', name: 'one byte', size: 1, ...DELIVERED },
  ...['create', 'part 2', 'complete', 'status'].flatMap((on): Scenario[] => [
    {
      group: 'offline',
      name: `from ${on} on`,
      isOffline: true,
      rules: [{ on, act: { do: 'stop', when: 'before' } }],
      ...DELIVERED,
    },
    {
      group: 'lost answers',
      name: `of ${on}`,
      rules: [{ on, act: { do: 'lose the answer' } }],
      ...DELIVERED,
    },
    { group: 'lost answers', name: `${on} broken off`, rules: [{ on, act: { do: 'reset' } }], ...DELIVERED },
  ]),
  {
    // Storage takes a file in one piece once: the second attempt is answered with 412.
    group: 'lost answers',
    name: 'of a file in one piece',
    size: ONE_PART,
    rules: [{ on: 'part 1', act: { do: 'lose the answer' } }],
    ...DELIVERED,
  },
  { group: 'clock', name: 'an hour ahead', needs: 'clock', clockAheadMs: HOUR_MS, ...DELIVERED },
  { group: 'clock', name: 'an hour behind', needs: 'clock', clockAheadMs: -HOUR_MS, ...DELIVERED },
  storageRefuses('503 SlowDown', { on: 'part 2', times: 2, act: refusal(503, 'SlowDown') }),
  storageRefuses('400 RequestTimeout', { on: 'part 1', act: refusal(400, 'RequestTimeout') }),
  storageRefuses('404 NoSuchUpload', { on: 'part 2', act: refusal(404, 'NoSuchUpload') }),
  storageRefuses('500 InternalError', { on: 'part 3', act: refusal(500, 'InternalError') }),
  // It answers 200 and has nothing: `complete` tells which part is missing.
  storageRefuses('part lost', {
    on: 'part 2',
    act: { do: 'answer', status: 200, headers: { etag: '"0"' }, body: '' },
  }),
  {
    group: 'expired',
    name: 'URLs',
    rules: [{ on: 'part 2', act: { do: 'expire', what: 'urls' } }],
    ...DELIVERED,
  },
  {
    group: 'expired',
    name: 'URL of a file in one piece',
    size: ONE_PART,
    rules: [{ on: 'part 1', act: { do: 'expire', what: 'urls' } }],
    ...DELIVERED,
  },
  ...['create', 'complete', 'status'].map((on): Scenario => ({
    group: 'expired',
    name: `token at ${on}`,
    rules: [{ on, act: { do: 'expire', what: 'tokens' } }],
    ...DELIVERED,
  })),
  {
    group: 'expired',
    name: 'URLs and token while it is dead',
    rules: [{ on: 'part 2', act: { do: 'stop', when: 'before' } }],
    kills: ['stop'],
    expireWhileDead: true,
    ...DELIVERED,
  },
  apiRefuses('create', 429, 1),
  apiRefuses('create', 503, 2),
  apiRefuses('complete', 503, 2),
  apiRefuses('status', 500, 1),
  apiRefuses('status', 429, 3),
  { group: 'ends', name: 'no such work item', ipd: 'no such work item', ends: 'refused' },
  { group: 'ends', name: 'IPD refuses the file', size: ONE_PART, ipd: 'refuses files', ends: 'failed' },
  {
    group: 'ends',
    name: 'cancelled',
    needs: 'cancel',
    isCancelled: true,
    rules: [{ on: 'part 2', act: { do: 'stop', when: 'before' } }],
    ends: 'cancelled',
  },
];

/** A kill at each step of a client: at what it says, and before, within and after what it asks for. */
export function killsOf(events: readonly ClientEvent[], exchanges: readonly Exchange[]): Scenario[] {
  // At its end there is nothing that a restart could go on with.
  const said = new Set(events.filter(({ event }) => event !== 'finished' && event !== 'left').map(nameOf));
  const asked = new Set(exchanges.map(({ name }) => name));
  const parts = new Set(exchanges.filter(isPart).map(({ name }) => name));
  const stop = (group: Group, name: string, when: 'before' | 'within' | 'after'): Scenario => ({
    group,
    name,
    rules: [{ on: name, act: { do: 'stop', when } }],
    kills: ['stop'],
    ...DELIVERED,
  });
  return [
    ...[...said].map((name): Scenario => ({
      group: 'kill at an event',
      name,
      kills: [{ event: name }],
      ...DELIVERED,
    })),
    ...[...asked].map((name) => stop('kill before a request', name, 'before')),
    ...[...parts].map((name) => stop('kill within a request', name, 'within')),
    ...[...asked].map((name) => stop('kill after an answer', name, 'after')),
    {
      group: 'kill after an answer',
      name: 'each in its own life',
      rules: [...asked].map((on): Rule => ({ on, act: { do: 'stop', when: 'after' } })),
      kills: [...asked].map(() => 'stop'),
      ...DELIVERED,
    },
  ];
}

function storageRefuses(name: string, rule: Rule): Scenario {
  return { group: 'storage refuses', name, rules: [rule], ...DELIVERED };
}

function refusal(status: number, code: string): Rule['act'] {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>By the scenario</Message></Error>`;
  return { do: 'answer', status, headers: { 'content-type': 'application/xml' }, body };
}

function apiRefuses(on: string, status: number, retryAfterSeconds: number): Scenario {
  const headers = { 'content-type': 'application/json', 'retry-after': String(retryAfterSeconds) };
  const body = JSON.stringify({ message: 'By the scenario' });
  const rule: Rule = { on, act: { do: 'answer', status, headers, body } };
  return { group: 'API refuses', name: `${status} to ${on}`, rules: [rule], ...DELIVERED };
}
