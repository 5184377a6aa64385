/** Requests to storage that differ from what was signed, and storage's answers to them. */
import type { Signed } from './answer.ts';

/** The same request to another place. */
export function elsewhere<T extends Signed>(signed: T, change: (url: URL) => void): T {
  const url = new URL(signed.url);
  change(url);
  return { ...signed, url: url.href };
}

export function withHeader(request: Signed, name: string, value: string): Signed {
  return { ...request, headers: { ...request.headers, [name]: value } };
}

export function withoutHeader(request: Signed, name: string): Signed {
  const { [name]: _left, ...headers } = request.headers;
  return { ...request, headers };
}

/** The status, and S3's code where it refuses. */
export async function verdictOf(response: Response): Promise<string> {
  const [, code = ''] = /<Code>(\w+)<\/Code>/.exec(await response.text()) ?? [];
  return `${response.status} ${code}`.trim();
}
