/**
 * Where the fake IPD answers in another form than a tenant did: by status, listed headers, members and the forms of
 * their values. Values differ from one tenant to another, so they are compared only where the product decides by them.
 */
import type { RecordedAnswer, Transcript } from '../../local/ipd/transcript.ts';

/** Their values decide what the product does, or are the same for every attachment. */
const COMPARED = new Set(['status', 'error_code', 'code', 'type', 'category', 'associate_type']);

/** `played` has the fake's answers to the same requests in the same order. Each line names an exchange and a place. */
export function differences(recorded: Transcript, played: Transcript): string[] {
  const unlisted = recorded.unlisted
    .filter((place) => !played.unlisted.includes(place))
    .map((place) => `unlisted: ${place}: recorded, and not listed`);
  const more = played.unlisted
    .filter((place) => !recorded.unlisted.includes(place))
    .map((place) => `unlisted: ${place}: not recorded, in the fake`);
  const exchanges = recorded.exchanges.flatMap(({ request, answer }, index) => {
    const fake = played.exchanges[index];
    const where = `exchange ${index + 1} (${request.operation})`;
    if (fake === undefined) return [`${where}: recorded, and not played`];
    return answersDiffer(answer, fake.answer).map((difference) => `${where}: ${difference}`);
  });
  return [...unlisted, ...more, ...exchanges];
}

function answersDiffer(recorded: RecordedAnswer, played: RecordedAnswer): string[] {
  if ('lost' in recorded || 'lost' in played) {
    const say = (answer: RecordedAnswer): string =>
      'lost' in answer ? 'no answer' : `status ${answer.status}`;
    return 'lost' in recorded && 'lost' in played
      ? []
      : [`${say(recorded)} recorded, ${say(played)} in the fake`];
  }
  const bodies = [bodyOf(recorded), bodyOf(played)] as const;
  return [
    ...(recorded.status === played.status
      ? []
      : [`status: ${recorded.status} recorded, ${played.status} in the fake`]),
    ...formsDiffer(recorded.headers, played.headers, 'headers'),
    ...formsDiffer(...bodies, 'body'),
  ];
}

function bodyOf({ json, other }: Exclude<RecordedAnswer, { lost: true }>): unknown {
  return json === undefined ? `no JSON: ${other ?? ''}` : json;
}

function formsDiffer(recorded: unknown, played: unknown, place: string): string[] {
  const [one, other] = [formOf(recorded, place), formOf(played, place)];
  if (one !== other) return [`${place}: ${one} recorded, ${other} in the fake`];
  if (Array.isArray(recorded) && Array.isArray(played)) {
    // How many rows there are is the tenant's; each has the form of the first.
    return recorded.length === 0 || played.length === 0
      ? []
      : [...new Set(recorded.flatMap((row) => formsDiffer(row, played[0], `${place}[]`)))];
  }
  if (!isObject(recorded) || !isObject(played)) return [];
  const members = new Set([...Object.keys(recorded), ...Object.keys(played)]);
  return [...members].flatMap((member) =>
    formsDiffer(recorded[member], played[member], `${place}.${member}`),
  );
}

function formOf(value: unknown, place: string): string {
  if (value === undefined) return 'absent';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  const member = place.split('.').at(-1) ?? '';
  if (COMPARED.has(member) || place === 'headers.content-type') return JSON.stringify(value);
  return typeof value === 'string' ? formOfText(value) : typeof value;
}

function formOfText(text: string): string {
  if (/^\d{18,19}$/.test(text)) return '18 or 19 digits';
  if (/^\d+$/.test(text)) return 'digits';
  if (/^[0-9a-f]{32}$/.test(text)) return '32 hexadecimal digits';
  if (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text)) return 'a time of ISO 8601';
  return 'a text';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
