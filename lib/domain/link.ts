/**
 * The external link that takes an attachment's place: its title and URL, which links of a work item are an upload's,
 * and how a browser gets the file. Pure; lib/links makes the secret in the URL.
 */
import { toPlainText } from './plain-text.ts';
import { percentEncode } from './percent-encoding.ts';
import type { Upload } from './upload.ts';

/** One link of a work item, as IPD lists it. */
export type Link = { id: string; url: string };

/** IPD takes 1 to 256 characters: https://support.huaweicloud.com/api-projectman/AssociateIpdThirdParty.html */
const MAX_TITLE_LENGTH = 256;
/** CodeArts Req refuses characters beyond the basic plane in its texts (PM.02101004). */
const BEYOND_BASIC_PLANE = /[\u{10000}-\u{10FFFF}]/gu;

/** The path of a file's URL: `/v1/files/{id}/{secret}`. */
export const linkPath = (id: string, secret: string): string => `/v1/files/${id}/${secret}`;

/** The number of the secret that counts now. */
export function generationOf({ linkGeneration = 1 }: Pick<Upload, 'linkGeneration'>): number {
  return linkGeneration;
}

/** What the work item shows: the file's name, its size, and the day until which it is kept. */
export function linkTitle({ filename, size }: Pick<Upload, 'filename' | 'size'>, expiresAt: number): string {
  const about = ` (${sizeInWords(size)}, until ${new Date(expiresAt).toISOString().slice(0, 10)})`;
  const name = toPlainText(filename).replaceAll(BEYOND_BASIC_PLANE, '_');
  return `${shorten(name, MAX_TITLE_LENGTH - about.length)}${about}`;
}

/** The end of a name tells what it is, so the middle is left out. */
function shorten(name: string, length: number): string {
  if (name.length <= length) return name;
  const end = 16;
  return `${name.slice(0, length - end - 1)}…${name.slice(-end)}`;
}

function sizeInWords(bytes: number): string {
  const [unit, name] = bytes >= 1e9 ? [1e9, 'GB'] : bytes >= 1e6 ? [1e6, 'MB'] : [1e3, 'kB'];
  const size = bytes / unit;
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${name}`;
}

/**
 * The links of a work item that lead to this upload's file, by the upload's id in their URLs: `current` those with this
 * URL, which is the one that works, in the order of their ids; `others` those with another secret or another host.
 */
export function linksOf(
  id: string,
  url: string,
  links: readonly Link[],
): { current: Link[]; others: Link[] } {
  const own = links.filter((link) => link.url.toLowerCase().includes(linkPath(id, '')));
  return {
    current: own.filter((link) => link.url === url).toSorted(byId),
    others: own.filter((link) => link.url !== url),
  };
}

/** Ids are numbers with more digits than JavaScript's can carry. */
function byId(one: Link, other: Link): number {
  return one.id.length - other.id.length || (one.id < other.id ? -1 : 1);
}

/** Types that a browser shows or plays without running anything in them. An SVG image may have scripts in it. */
const HARMLESS = /^(?:audio\/|video\/|image\/(?!svg)|text\/plain$|application\/zip$)/i;

/** How a browser takes the file: saved under its name, and never run. https://www.rfc-editor.org/rfc/rfc8187 */
export function downloadHeaders({ filename, contentType }: Pick<Upload, 'filename' | 'contentType'>) {
  const [bare = ''] = contentType.split(';', 1);
  const type = bare.trim();
  const ascii = filename.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_');
  return {
    contentType: HARMLESS.test(type) ? type : 'application/octet-stream',
    contentDisposition: `attachment; filename="${ascii}"; filename*=UTF-8''${percentEncode(filename)}`,
  };
}
