/**
 * Makes a transcript of what a tenant of IPD answers: of each answer the listed members alone, and in place of each id
 * and name another one of its form, the same one everywhere. So what a real tenant does can be shared, and compared with
 * what the fake IPD does. Pure.
 */
import * as z from 'zod';
import { parseJson, redact } from '../../lib/ipd/errors.ts';
import type {
  Exchange,
  Json,
  RecordedAnswer,
  RecordedRequest,
  Transcript,
} from '../../local/ipd/transcript.ts';

/** An answer as it came. */
export type RawAnswer = { status: number; headers: Record<string, string | undefined>; text: string };

/**
 * `id` and `name` are replaced. `word`: one of few values, kept. `text`: kept without what may be an id, a name or a
 * secret. `time` and numbers are kept. `part`: an object or a list; a text in it, or in its place, is an id.
 */
type Kind = 'id' | 'name' | 'word' | 'text' | 'time' | 'number' | 'part';

/** The members that the pages of IPD and IAM name, and those that were seen: https://support.huaweicloud.com/api-projectman/ */
const LISTED: Record<string, Kind> = {
  status: 'word',
  message: 'text',
  result: 'part',
  error_code: 'word',
  error_msg: 'text',
  request_id: 'id',
  error: 'part',
  code: 'word',
  title: 'name',
  progress: 'number',
  id: 'id',
  workitem_id: 'id',
  issue_id: 'id',
  filesize: 'number',
  file_size: 'number',
  file_name: 'name',
  store_filename: 'name',
  attachment_type: 'word',
  associate_type: 'word',
  disk_directory: 'id',
  type: 'word',
  category: 'word',
  issue_category: 'word',
  /** A comment is what a person has written. */
  description: 'name',
  data: 'part',
  page: 'part',
  size: 'number',
  count: 'number',
  total: 'number',
  success: 'part',
  fail: 'part',
  comment_list: 'part',
  url: 'name',
  state: 'word',
  region: 'word',
  tenant_id: 'id',
  domain_id: 'id',
  operation_id: 'id',
  creator_info: 'part',
  user_id: 'id',
  user_num_id: 'id',
  user_name: 'name',
  domain_name: 'name',
  top: 'word',
  top_flag: 'word',
  top_time: 'time',
  created_by: 'part',
  modified_by: 'part',
  name: 'name',
  nick_name: 'name',
  created_date: 'time',
  modified_date: 'time',
  token: 'part',
  expires_at: 'time',
  issued_at: 'time',
  methods: 'word',
  project: 'part',
  user: 'part',
  domain: 'part',
  roles: 'part',
  password_expires_at: 'time',
};
/** The gateway's about its limits: https://support.huaweicloud.com/usermanual-apig/apig_03_0047.html */
const LISTED_HEADERS = /^(?:content-type|retry-after|x-apig-ratelimit-[a-z-]{1,40})$/;
const WORD = /^[\w.:-]{0,40}$/;
const TIME = /^[\dTZ:. +/-]{0,40}$/;
const HEADER = /^[\w .,:;=/+-]{0,120}$/;
/** What cannot be shown. */
const WITHHELD = '[withheld]';
const MAX_TEXT = 200;
/** An id within a text. */
const ID_IN_TEXT = /\b(?:\d{12,}|[0-9a-f]{16,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b/gi;

/** Records what is asked and answered, in order. `ids` are those of the work item: they come first. */
export function createRecording(ids: readonly string[]) {
  const exchanges: Exchange[] = [];
  const scrubber = createScrubber();
  for (const id of ids) scrubber.id(id);

  return {
    /** `raw` is undefined where no answer came. */
    record: (asked: RecordedRequest, raw: RawAnswer | undefined): void => {
      ownNames(asked).forEach(scrubber.keep);
      exchanges.push({ request: asked, answer: raw === undefined ? { lost: true } : scrubber.scrub(raw) });
    },
    transcript: (): Transcript => ({ format: 1, unlisted: scrubber.unlisted(), exchanges }),
  };
}

/** What we have named ourselves. */
function ownNames(asked: RecordedRequest): string[] {
  switch (asked.operation) {
    case 'upload':
      return [asked.filename];
    case 'linkCreate':
      return [asked.title, asked.url];
    case 'commentCreate':
      return [asked.html];
    default:
      return [];
  }
}

/** Replaces ids and names, each by the same one every time. */
function createScrubber() {
  const replaced = new Map<string, string>();
  const unlisted = new Set<string>();
  const counts = { id: 0, name: 0 };

  /** Another id of its form: as many digits, or hexadecimal digits, as this one. */
  function id(text: string): string {
    const before = replaced.get(text);
    if (before !== undefined || text === '') return before ?? text;
    // A path names several.
    if (text.includes('/')) return text.split('/').map(id).join('/');
    counts.id += 1;
    const made = idLike(text, counts.id);
    replaced.set(text, made);
    return made;
  }

  /** Another name, with its extension: what a file is called says more than what it is. */
  function name(text: string): string {
    const before = replaced.get(text);
    if (before !== undefined || text === '') return before ?? text;
    counts.name += 1;
    const [extension = ''] = /\.[a-z0-9]{1,8}$/i.exec(text) ?? [];
    const made = `name-${counts.name}${extension}`;
    replaced.set(text, made);
    return made;
  }

  function words(text: string): string {
    const longestFirst = [...replaced].toSorted(([one], [other]) => other.length - one.length);
    const renamed = longestFirst.reduce(
      (all, [old, made]) => (old.length < 3 ? all : all.replaceAll(old, made)),
      redact(text),
    );
    return renamed.replaceAll(ID_IN_TEXT, (found) => (isMade(found) ? found : id(found))).slice(0, MAX_TEXT);
  }

  const isMade = (text: string): boolean => [...replaced.values()].includes(text);

  function valueOf(value: Json, kind: Kind, place: string): Json {
    if (value === null || typeof value === 'boolean') return value;
    if (typeof value === 'number') return kind === 'id' ? Number(id(String(value))) : value;
    if (Array.isArray(value)) return value.map((one) => valueOf(one, kind, `${place}[]`));
    if (typeof value === 'object') return membersOf(value, place);
    switch (kind) {
      case 'id':
      case 'part':
        return id(value);
      case 'name':
        return name(value);
      case 'text':
        return words(value);
      case 'time':
        return TIME.test(value) ? value : WITHHELD;
      case 'number':
        return /^-?\d{1,15}(?:\.\d{1,6})?$/.test(value) ? value : WITHHELD;
      default:
        return WORD.test(value) ? value : WITHHELD;
    }
  }

  function membersOf(value: { [member: string]: Json }, place: string): Json {
    const kept: Record<string, Json> = {};
    for (const [member, content] of Object.entries(value)) {
      const kind = LISTED[member];
      const at = place === '' ? member : `${place}.${member}`;
      if (kind !== undefined) kept[member] = valueOf(content, kind, at);
      // A name of a member tells no secret, unless it is one itself.
      else unlisted.add(/^[a-z_]{1,40}$/i.test(member) ? at : `${place}.${WITHHELD}`);
    }
    return kept;
  }

  return {
    id,
    /** A name that we gave ourselves stays. */
    keep: (own: string): void => void replaced.set(own, own),
    scrub({ status, headers, text }: RawAnswer): RecordedAnswer {
      const shown = Object.entries(headers).flatMap(([header, value]) =>
        value !== undefined && LISTED_HEADERS.test(header)
          ? [[header, HEADER.test(value) ? value : WITHHELD] as const]
          : [],
      );
      const kept = { status, headers: Object.fromEntries(shown) };
      const { data } = z.json().safeParse(parseJson(text));
      if (data !== undefined) return { ...kept, json: valueOf(data, 'text', '') };
      return { ...kept, other: text === '' ? 'empty' : /^\s*</.test(text) ? 'page' : 'text' };
    },
    unlisted: () => [...unlisted].toSorted(),
  };
}

function idLike(text: string, number: number): string {
  const digits = String(number);
  if (/^\d+$/.test(text)) return `1${digits.padStart(text.length - 1, '0')}`;
  // Hexadecimal, with or without hyphens: its last group has the number.
  if (/^[0-9a-f-]{8,}$/i.test(text)) {
    return text.replaceAll(/[0-9a-f]/gi, '0').slice(0, -digits.length) + digits;
  }
  return `id-${digits}`;
}
