/** Reads what the HTTP API answered, and sends a file as an answer says. */
import { z } from 'zod';

export type Signed = z.infer<typeof signedRequest>;
export type SignedPart = z.infer<typeof signedPart>;

const json = z.record(z.string(), z.unknown());
const signedRequest = z.object({ url: z.url(), headers: z.record(z.string(), z.string()) });
const signedPart = signedRequest.extend({ number: z.int(), offset: z.int(), length: z.int() });
const multipart = z.object({ parts: z.array(signedPart) });
const places = z.array(z.object({ pointer: z.string() }));

/** The body as JSON, {} when there is none or it is a list; and the members that tests go on with. */
export function readAnswer(text: string | undefined) {
  const value: unknown = text ? JSON.parse(text) : {};
  const list: unknown[] = Array.isArray(value) ? value : [];
  const body = Array.isArray(value) ? {} : json.parse(value);
  return {
    body,
    list,
    id: String(body['id']),
    /** The request for the file, where there is one. */
    signed: (): Signed => signedRequest.parse(body['staging']),
    /** The requests for the parts that storage has not got, where the file goes in parts. */
    parts: (): SignedPart[] => multipart.parse(body['staging']).parts,
    /** The places that a validation complains about, in the order of the alphabet. */
    pointers: (): string[] =>
      places
        .parse(body['errors'])
        .map(({ pointer }) => pointer)
        .toSorted(),
  };
}

/** These headers, nothing else. */
export function putFile({ url, headers }: Signed, bytes: Buffer): Promise<Response> {
  return fetch(url, { method: 'PUT', headers, body: new Uint8Array(bytes) });
}
