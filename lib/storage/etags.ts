/** The ETags of storage, which tell one version of an object from another. Pure. */

/** Without the quotes that HTTP puts around it, as events carry it. */
export function bareEtag(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}
