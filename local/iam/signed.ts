/**
 * Who has signed a request, and for which region. Nothing is verified here: on loopback the name is enough.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */

/** Empty texts where the header is not SigV4's. */
export function signerOf(authorization: string | undefined): { accessKeyId: string; region: string } {
  const credential = /Credential=([^/,\s]+)\/[^/,\s]*\/([^/,\s]+)\//.exec(authorization ?? '');
  return { accessKeyId: credential?.[1] ?? '', region: credential?.[2] ?? '' };
}
