/**
 * What happened in one schedule, in order: constant words, with numbers for names, so that the same seed gives the same
 * text. It judges nothing.
 */
import { createHash } from 'node:crypto';
import { DAY_MS } from '../../lib/domain/units.ts';

/** An empty trace; `elapsed` says how far time has come. */
export function createTrace(elapsed: () => number) {
  const lines: { at: number; who: string; text: string }[] = [];
  const names = new Map<string, string>();

  /** `key` is a text that contains an upload's id; the trace shows the upload's number instead. */
  function note(who: string, what: string, key?: unknown): void {
    const [id] = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(typeof key === 'string' ? key : '') ?? [];
    const upload = id === undefined ? '' : ` ${nameOf(id)}`;
    lines.push({ at: elapsed(), who, text: `${who}: ${what}${upload}` });
  }

  function nameOf(id: string): string {
    const name = names.get(id) ?? `u${names.size + 1}`;
    names.set(id, name);
    return name;
  }

  return {
    note,
    nameOf,
    /** What this one has done, without times. */
    of: (who: string) => lines.flatMap((line) => (line.who === who ? [line.text] : [])),
    hash: () =>
      createHash('sha256')
        .update(lines.map(({ at, text }) => `${at} ${text}`).join('\n'))
        .digest('hex'),
    /** For people: days and the time of day since the start. */
    lines: () => lines.map(({ at, text }) => `${timeOfDay(at)} ${text}`),
  };
}

function timeOfDay(ms: number): string {
  return `${Math.floor(ms / DAY_MS)}d ${new Date(ms % DAY_MS).toISOString().slice(11, 23)}`;
}
