/** Waits until a fake IPD has handled every request that was sent to it, also those of senders that have died. */
import { once } from 'node:events';
import http from 'node:http';
import type { RequestRecord } from '../../local/ipd/request-log.ts';

/**
 * Resolves once all but `standing` of the requests are handled. A port accepts connections in the order in which they
 * came: an answer on a new one shows that no earlier one is still waiting, and so is missing in the log.
 */
export async function handled(
  ipd: { url: string; requests: readonly RequestRecord[] },
  { standing = 0 }: { standing?: number } = {},
): Promise<void> {
  do await answerOnNewConnection(`${ipd.url}/__admin/settings`);
  while (ipd.requests.filter(({ outcome }) => outcome === 'pending').length > standing);
}

async function answerOnNewConnection(url: string): Promise<void> {
  const request = http.get(url, { agent: false });
  const [answer] = await once(request, 'response');
  await once(answer.resume(), 'end');
}
