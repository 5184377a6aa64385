/** Reads what the HTTP API answered, and sends a file as an answer says. */
import { z } from 'zod';

export type Signed = z.infer<typeof signedRequest>;

const json = z.record(z.string(), z.unknown());
const signedRequest = z.object({ url: z.url(), headers: z.record(z.string(), z.string()) });
const places = z.array(z.object({ pointer: z.string() }));

/** The body as JSON, {} when there is none; and the members that tests go on with. */
export function readAnswer(text: string | undefined) {
  const body = json.parse(text ? JSON.parse(text) : {});
  return {
    body,
    id: String(body['id']),
    /** The request for the file, where there is one. */
    signed: (): Signed => signedRequest.parse(body['staging']),
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
