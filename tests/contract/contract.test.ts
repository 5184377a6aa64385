/** Holds the fake IPD against what tenants answered: every transcript in this folder. docs/operations.md says how one is made. */
import { describe, expect, it } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { transcriptSchema } from '../../local/ipd/transcript.ts';
import type { Exchange, Json, RecordedAnswer, Transcript } from '../../local/ipd/transcript.ts';
import { differences } from './differences.ts';
import { play } from './play.ts';

const FILES = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.json'));
const read = async (name: string): Promise<Transcript> =>
  transcriptSchema.parse(JSON.parse(await readFile(join(import.meta.dirname, name), 'utf8')));

describe('the fake IPD answers in the form in which a tenant did', () => {
  it.each(FILES)('%s', async (name) => {
    const recorded = await read(name);

    expect(differences(recorded, await play(recorded))).toEqual([]);
  });
});

/** Each changes one answer of a transcript as a tenant might differ, and says what the difference must name. */
const MUTATIONS: [string, (recorded: Transcript) => void, string][] = [
  ['an upload is created, not done', (all) => void (upload(all).status = 201), '(upload): status'],
  ['an upload fails inside a 200', (all) => void (bodyOf(upload(all))['status'] = 'error'), 'body.status'],
  ['a success has a message', (all) => void (bodyOf(upload(all))['message'] = 'ok'), 'body.message'],
  ['an upload has no result', (all) => void (bodyOf(upload(all))['result'] = null), 'body.result'],
  [
    'the result is the element itself',
    (all) => void (bodyOf(upload(all))['result'] = stored(all)),
    'body.result',
  ],
  [
    'an answer has no content type',
    (all) => void delete upload(all).headers['content-type'],
    'headers.content-type',
  ],
  [
    'an answer has another charset',
    (all) => void (upload(all).headers['content-type'] = 'application/json'),
    'headers.content-type',
  ],
  [
    'every answer tells the limits',
    (all) => void (upload(all).headers['x-apig-ratelimit-api'] = 'remain:9'),
    'headers.x-apig-ratelimit-api',
  ],
  ['an element has no id', (all) => void delete stored(all)['id'], 'body.result[].id'],
  ['an id is a number', (all) => void (stored(all)['id'] = 7), 'body.result[].id'],
  ['an id has 32 digits', (all) => void (stored(all)['id'] = '0'.repeat(32)), 'body.result[].id'],
  ['a size is a text', (all) => void (stored(all)['filesize'] = '1001'), 'body.result[].filesize'],
  ['an element has another type', (all) => void (stored(all)['type'] = 'file'), 'body.result[].type'],
  ['the list names sizes otherwise', (all) => rename(listed(all), 'file_size', 'filesize'), 'size: '],
  [
    'the list gives times in milliseconds',
    (all) => void (listed(all)['created_date'] = 1_700_000_000_000),
    'body.result[].created_date',
  ],
  [
    'the list names a person by a text',
    (all) => void (listed(all)['created_by'] = 'name-1'),
    'body.result[].created_by',
  ],
  [
    'a person has no short name',
    (all) => void delete members(listed(all)['created_by'])['nick_name'],
    'nick_name',
  ],
  [
    'a refusal has another code',
    (all) => void (bodyOf(refused(all))['error_code'] = 'PM.02150404'),
    'body.error_code',
  ],
  ['a refusal comes with 200', (all) => void (refused(all).status = 200), 'status'],
  [
    'a throttle comes without Retry-After',
    (all) => void delete throttled(all).headers['retry-after'],
    'headers.retry-after',
  ],
  [
    'no answer came',
    (all) => void Object.assign(exchangeOf(all, isStored), { answer: { lost: true } }),
    'no answer',
  ],
  [
    'an element has a member that is not listed',
    (all) => void all.unlisted.push('result[].novelty'),
    'result[].novelty',
  ],
];

describe('a tenant that differs in one place is found, and the place named', () => {
  it.each(MUTATIONS)('%s', async (_what, mutate, place) => {
    const recorded = await read('fake.json');
    const mutated = structuredClone(recorded);
    mutate(mutated);

    const found = differences(mutated, recorded);

    expect(found.length).toBeGreaterThan(0);
    expect(found.every((line) => line.includes(place))).toBe(true);
  });
});

const OF_LINKS: [string, (recorded: Transcript) => void, string][] = [
  ['a link is answered under what succeeded', (all) => succeed(first(all, 'linkCreate')), 'body.result'],
  [
    'a count of links is a number',
    (all) => void (members(bodyOf(first(all, 'linkList'))['result'])['count'] = 7),
    'body.result.count',
  ],
  [
    'the id of a link is a UUID',
    (all) => void (members(bodyOf(first(all, 'linkCreate'))['result'])['id'] = `${'0'.repeat(8)}-0000`),
    'body.result.id',
  ],
  [
    'a link that is gone is deleted once more',
    (all) => void Object.assign(bodyOf(refusedDeletion(all)), { status: 'success', result: [] }),
    '(linkDelete): body',
  ],
  [
    'a comment is answered by its text alone',
    (all) => void (bodyOf(first(all, 'commentCreate'))['result'] = 'text'),
    'body.result',
  ],
];

describe('a tenant whose links differ in one place is found, and the place named', () => {
  it.each(OF_LINKS)('%s', async (_what, mutate, place) => {
    const recorded = await read('fake-links.json');
    const mutated = structuredClone(recorded);
    mutate(mutated);

    const found = differences(mutated, recorded);

    expect(found.length).toBeGreaterThan(0);
    expect(found.every((line) => line.includes(place))).toBe(true);
  });
});

type Answered = Exclude<RecordedAnswer, { lost: true }>;
type Members = Record<string, Json>;

const upload = (all: Transcript) => answerOf(exchangeOf(all, isStored));
const refused = (all: Transcript) => answerOf(exchangeOf(all, (one) => answerOf(one).status === 400));
const throttled = (all: Transcript) => answerOf(exchangeOf(all, (one) => answerOf(one).status === 429));
const stored = (all: Transcript) => firstOf(bodyOf(upload(all))['result']);
const listed = (all: Transcript) => firstOf(bodyOf(answerOf(exchangeOf(all, isFilledList)))['result']);

const first = (all: Transcript, operation: string) =>
  answerOf(exchangeOf(all, ({ request }) => request.operation === operation));
const refusedDeletion = (all: Transcript) =>
  answerOf(
    exchangeOf(
      all,
      (one) => one.request.operation === 'linkDelete' && bodyOf(answerOf(one))['status'] === 'error',
    ),
  );

/** In the shape of the SDK. */
function succeed(answer: Answered): void {
  const body = bodyOf(answer);
  body['result'] = { success: [body['result'] ?? null], fail: [] };
}

function exchangeOf(all: Transcript, isMeant: (exchange: Exchange) => boolean): Exchange {
  const found = all.exchanges.find(isMeant);
  if (found === undefined) throw new Error('the transcript has no such exchange');
  return found;
}

function answerOf({ answer }: Exchange): Answered {
  if ('lost' in answer) throw new Error('no answer came');
  return answer;
}

const isStored = (one: Exchange): boolean =>
  one.request.operation === 'upload' && answerOf(one).status === 200;

function isFilledList(one: Exchange): boolean {
  if (one.request.operation !== 'list') return false;
  const { result } = bodyOf(answerOf(one));
  return Array.isArray(result) && result.length > 0;
}

const bodyOf = ({ json }: Answered): Members => members(json);

const firstOf = (list: Json | undefined): Members => members(Array.isArray(list) ? list[0] : undefined);

function members(value: Json | undefined): Members {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new Error('this is no object');
}

function rename(within: Members, old: string, name: string): void {
  within[name] = within[old] ?? null;
  delete within[old];
}
