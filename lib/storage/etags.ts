/** The ETags of storage, which tell one version of an object from another. Pure. */

/** The user metadata of a copy that says of which version it was made. */
export const COPIED_FROM = 'source-etag';

/** Without the quotes that HTTP puts around it, as events carry it. */
export function bareEtag(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}
