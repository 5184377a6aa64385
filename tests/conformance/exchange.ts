/** What a client asked for over its lines, and the names by which scenarios and checks speak of it. Pure. */

export type Exchange = {
  to: 'api' | 'storage';
  /** What was asked, such as `create`, `part 2` or `status`. */
  name: string;
  /** The number of the client's life, from 1. */
  life: number;
  /** When it came, and when it was answered: milliseconds of one clock. */
  at: number;
  answeredAt?: number;
  headers: Record<string, string | string[] | undefined>;
  /** What the other side answered, whether the client got it or not; absent when it never heard of the request. */
  farStatus?: number;
  /** What the client was answered, by the other side or by the line; absent when it got no answer. */
  status?: number;
  retryAfterSeconds?: number;
};

const UPLOAD = /^\/v1\/uploads\/[^/?]+(?:\/(?<verb>urls|complete|retry))?$/;
const UPPY_PART = /\/s3\/multipart\/[^/]+\/(?<number>\d+)$/;

/** The name of a request to the API. */
export function nameOfCall(method: string, url: URL): string {
  const { pathname } = url;
  if (pathname === '/v1/uploads') return method === 'POST' ? 'create' : 'list';
  const upload = UPLOAD.exec(pathname);
  if (upload) return upload.groups?.['verb'] ?? (method === 'DELETE' ? 'cancel' : 'status');
  if (pathname === '/v1/uppy-sessions') return 'session';
  if (pathname.startsWith('/v1/uppy/')) return nameOfUppyCall(method, pathname);
  return pathname.replace(/^\/v1\//, '');
}

/** The name of a request to storage: the part that it brings; a file in one piece is part 1. */
export function nameOfStorageRequest(method: string, url: URL): string {
  if (method === 'PUT') return `part ${url.searchParams.get('partNumber') ?? '1'}`;
  return method === 'POST' ? 'part 1' : `storage ${method}`;
}

/** Whether the request brings bytes of the file. */
export function isPart({ to, name }: Exchange): boolean {
  return to === 'storage' && name.startsWith('part ');
}

function nameOfUppyCall(method: string, pathname: string): string {
  const part = UPPY_PART.exec(pathname)?.groups?.['number'];
  if (part !== undefined) return `uppy sign ${part}`;
  const kind = /\/s3\/(?<kind>params|sign|multipart)(?<rest>\/.*)?$/.exec(pathname)?.groups;
  const rest = kind?.['rest'];
  if (kind?.['kind'] !== 'multipart') return `uppy ${kind?.['kind'] ?? method}`;
  if (rest === undefined) return 'uppy create';
  if (rest.endsWith('/complete')) return 'uppy complete';
  if (rest.endsWith('/batch')) return 'uppy batch';
  return method === 'DELETE' ? 'uppy abort' : 'uppy parts';
}
