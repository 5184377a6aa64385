/**
 * Reads which uploads an operator means, and finds them. The index of due uploads holds all open ones, and failed ones
 * as long as their file is kept. Other ended uploads are not in it; the index of owners has all uploads of an owner.
 */
import { failureCodes, retryableFailureCodes } from '../../lib/domain/errors.ts';
import { idOf, LANES, uploadKey } from '../../lib/ledger/uploads.ts';
import type { Lane, Position } from '../../lib/ledger/uploads.ts';
import { scan } from '../../lib/ledger/scan.ts';
import { isTooNew, readRecord } from '../../lib/ledger/record.ts';
import { sourceOf } from '../../lib/domain/summary.ts';
import { ingestedFrom, isFinal } from '../../lib/domain/upload.ts';
import type { Upload } from '../../lib/domain/upload.ts';
import type { Opened } from './place.ts';
import { readAge, readCount } from './terms.ts';
import type { Values } from './terms.ts';
import { fill, texts } from '../texts.ts';

export type Selection = {
  owner: string | undefined;
  states: string[] | undefined;
  code: string | undefined;
  source: string | undefined;
  projectId: string | undefined;
  olderThanMs: number | undefined;
  youngerThanMs: number | undefined;
  limit: number;
  scan: boolean;
};

export const SELECTING = [
  'state',
  'code',
  'source',
  'project',
  'older-than',
  'younger-than',
  'limit',
  'scan',
];

const FOREVER = Date.UTC(9999, 0);
const AT_ONCE = 25;
const STANDARD_LIMIT = 100;

const OPEN = ['awaiting_upload', 'staged', 'delivering', 'waiting', 'unconfirmed'];
/** The codes that an upload's last error may have. */
const CODES: string[] = [...failureCodes, ...retryableFailureCodes];
/** How an upload came; `ingest` is what producers offer, by either way. */
const SOURCES = ['api', 'uppy', 'attach', 'ingest', 'drop', 'request'];
const INGESTED = new Set(['ingest', 'drop', 'request']);
const FINAL = ['delivered', 'failed', 'expired', 'cancelled', 'removed'];

/** Throws on an unknown state, code or source, and on a wrong age or number. */
export function readSelection(values: Values): Selection {
  const states = values.state?.split(',').flatMap((state) => (state === 'open' ? OPEN : [state]));
  const unknown = states?.find((state) => !OPEN.includes(state) && !FINAL.includes(state));
  if (unknown !== undefined) {
    const there = [...OPEN, ...FINAL].join(texts.separators.members);
    throw new Error(fill(texts.ops.wrong.noState, { value: unknown, values: there }));
  }
  return {
    owner: values.owner,
    states,
    code: readCode(values.code),
    source: readSource(values.source),
    projectId: values.project,
    olderThanMs: readAge('older-than', values['older-than']),
    youngerThanMs: readAge('younger-than', values['younger-than']),
    limit: readCount('limit', values.limit, STANDARD_LIMIT),
    scan: values.scan ?? false,
  };
}

/** Throws on a code that no upload can have. */
function readCode(code: string | undefined): string | undefined {
  if (code === undefined || CODES.includes(code)) return code;
  const values = CODES.join(texts.separators.members);
  throw new Error(fill(texts.ops.wrong.noCode, { value: code, values }));
}

function readSource(source: string | undefined): string | undefined {
  if (source === undefined || SOURCES.includes(source)) return source;
  const values = SOURCES.join(texts.separators.members);
  throw new Error(fill(texts.ops.wrong.noSource, { value: source, values }));
}

/** `tooNew`: ids of uploads that a newer version wrote in a form that this one cannot read. */
type Found = { uploads: Upload[]; tooNew: string[] };

/** The first uploads found, up to the limit, sorted by age; `isAll` tells whether there are no more. */
export async function findUploads(
  services: Opened,
  selection: Selection,
  now: number,
): Promise<Found & { isAll: boolean }> {
  const found = new Map<string, Upload>();
  const tooNew: string[] = [];
  for await (const page of pagesOf(services, selection)) {
    tooNew.push(...page.tooNew);
    for (const upload of page.uploads) if (fits(upload, selection, now)) found.set(upload.id, upload);
    // More uploads than the limit: there are more than are shown.
    if (found.size > selection.limit) break;
  }
  const uploads = [...found.values()].slice(0, selection.limit);
  return { uploads: uploads.toSorted(byAge), tooNew, isAll: found.size <= selection.limit };
}

/** Whether the index does not have all that were asked for: uploads that have ended are not in it. */
export function hidesSome({ owner, states, scan: isScan }: Selection): boolean {
  if (owner !== undefined) return false;
  const hidden = states?.some((state) => FINAL.includes(state) && state !== 'failed') ?? false;
  return hidden && !isScan;
}

/** All of an owner's uploads. The index may lag behind the latest writes; the records do not. */
export async function findOwned(services: Opened, owner: string): Promise<Found> {
  const found: Found = { uploads: [], tooNew: [] };
  for await (const { uploads, tooNew } of owned(services, owner)) {
    found.uploads.push(...uploads);
    found.tooNew.push(...tooNew);
  }
  return found;
}

function pagesOf(services: Opened, selection: Selection): AsyncGenerator<Found> {
  if (selection.owner !== undefined) return owned(services, selection.owner);
  return selection.scan ? scanned(services, selection) : indexed(services, selection);
}

/** The newest first. */
async function* owned({ ledger }: Opened, owner: string): AsyncGenerator<Found> {
  let after: Position | undefined;
  do {
    const { uploads, tooNew, next } = await ledger.list({ owner, isOpen: false, limit: AT_ONCE, after });
    yield { uploads: uploads.filter((upload) => upload.owner === owner), tooNew };
    after = next;
  } while (after !== undefined);
}

async function* indexed({ ledger }: Opened, { states, source }: Selection): AsyncGenerator<Found> {
  for (const lane of lanesOf(source)) {
    let ids: string[] = [];
    for await (const { id, status } of ledger.due(FOREVER, lane)) {
      if (states !== undefined && !states.includes(status)) continue;
      ids.push(id);
      if (ids.length < AT_ONCE) continue;
      yield await ledger.findAll(ids);
      ids = [];
    }
    yield await ledger.findAll(ids);
  }
}

/** Where in the index uploads of this source are. */
function lanesOf(source: string | undefined): readonly Lane[] {
  if (source === undefined) return LANES;
  return [INGESTED.has(source) ? 'ingest' : 'people'];
}

async function* scanned({ documents, config }: Opened, { states }: Selection): AsyncGenerator<Found> {
  const wanted = (states ?? []).map((state, index) => [`:state${index}`, state] as const);
  const isState = `#status IN (${wanted.map(([name]) => name).join(', ')})`;
  const pages = scan(documents, {
    table: config.table,
    filter: ['begins_with(pk, :upload)', ...(wanted.length > 0 ? [isState] : [])].join(' AND '),
    names: wanted.length > 0 ? { '#status': 'status' } : undefined,
    values: { ':upload': uploadKey(''), ...Object.fromEntries(wanted) },
  });
  for await (const page of pages) {
    const tooNew = page.filter(isTooNew);
    const uploads = page.filter((item) => !tooNew.includes(item)).map((item) => readRecord(item));
    yield { uploads, tooNew: tooNew.map(({ pk }) => idOf(String(pk))) };
  }
}

function fits(upload: Upload, selection: Selection, now: number): boolean {
  const {
    states,
    code,
    source,
    projectId,
    olderThanMs = 0,
    youngerThanMs = Number.POSITIVE_INFINITY,
  } = selection;
  const age = now - Date.parse(upload.createdAt);
  return (
    (states?.includes(upload.status) ?? true) &&
    (code === undefined || upload.lastError?.code === code) &&
    (source === undefined || isFrom(upload, source)) &&
    (projectId === undefined || upload.projectId === projectId) &&
    age >= olderThanMs &&
    age <= youngerThanMs
  );
}

function isFrom(upload: Upload, source: string): boolean {
  return source === 'ingest' ? ingestedFrom(upload) !== undefined : sourceOf(upload).kind === source;
}

/** One upload of a list, as --json prints it. */
export function toRow(upload: Upload, now: number) {
  const { id, status, owner, uploadedBy, projectId, issueId, filename, size, attempts, createdAt, dueAt } =
    upload;
  return {
    id,
    status,
    isFinal: isFinal(upload),
    code: upload.lastError?.code,
    isInDoubt: upload.doubt !== undefined,
    ageSeconds: Math.floor((now - Date.parse(createdAt)) / 1000),
    attempts,
    dueAt,
    source: sourceOf(upload).kind,
    owner,
    uploadedBy,
    projectId,
    issueId,
    filename,
    size,
    createdAt,
  };
}

function byAge(a: Upload, b: Upload): number {
  return Date.parse(a.createdAt) - Date.parse(b.createdAt);
}
