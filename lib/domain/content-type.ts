/** What the declared type of a file says of its content. Pure. */

/** https://www.rfc-editor.org/rfc/rfc2046#section-5 */
const COMPOSITE = /^(?:multipart|message)\//i;

/** Whether a type says that the content holds further parts, with headers and file names of their own. */
export function isComposite(contentType: string): boolean {
  return COMPOSITE.test(contentType);
}
