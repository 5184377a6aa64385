/** Asks the fake IPD what a transcript asks, and records its answers in the same way. */
import { z } from 'zod';
import { openTenant } from '../../cli/ops/tenant.ts';
import type { Tenant } from '../../cli/ops/tenant.ts';
import { startFakeIpd } from '../../local/ipd/server.ts';
import { parseSettings } from '../../local/ipd/settings.ts';
import { createRecording } from '../../cli/ops/transcript.ts';
import type { RecordedAnswer, RecordedRequest, Transcript } from '../../local/ipd/transcript.ts';
import { ipdCredentials } from '../support/local-keys.ts';
import { issueId, projectId } from '../support/world.ts';

/** An id that nothing has. */
const NO_ID = '100000000000000001';
const identified = z.object({ id: z.string() });
const refusal = z.object({ error_code: z.string() });
const THROTTLED = new Set(['APIGW.0308', 'PM.02153001']);

/** The same exchanges with the fake, under the settings of the transcript. */
export async function play({ exchanges, settings = {} }: Transcript): Promise<Transcript> {
  const ipd = await startFakeIpd({ port: 0, credentials: ipdCredentials, ...parseSettings(settings) });
  try {
    const recording = createRecording([projectId, issueId]);
    const tenant = await openTenant(
      {
        endpoint: ipd.url,
        iamEndpoint: ipd.url,
        auth: 'auto',
        gateway: undefined,
        allowedHosts: [],
        authorities: undefined,
        region: 'cn-north-4',
        credentials: { kind: 'inline', text: JSON.stringify(ipdCredentials) },
      },
      { item: { projectId, issueId }, record: recording.record, signal: AbortSignal.timeout(300_000) },
    );
    const ask = createAsking();
    const ways = { aksk: tenant.way('aksk'), token: tenant.way('token') };
    for (const { request, answer } of exchanges) {
      // A token is asked for by the first request that needs one.
      if (request.operation === 'token') continue;
      await fetch(`${ipd.url}/__admin/faults`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(faultsFor(answer)),
      });
      if (request.operation === 'upload') await ways[request.auth].uploadOnce(request);
      else if (request.operation === 'list') await tenant.list().catch(() => undefined);
      else await ask(tenant, request);
    }
    return recording.transcript();
  } finally {
    await ipd.close();
  }
}

/** Asks about links and comments. What an earlier request has made is found by the order in which it was made. */
function createAsking() {
  const links: string[] = [];
  const comments: string[] = [];

  return async (
    tenant: Tenant,
    request: Exclude<RecordedRequest, { operation: 'upload' | 'list' | 'token' }>,
  ) => {
    switch (request.operation) {
      case 'linkList':
        return tenant.call(request, (client, item, signal) => client.listLinks(item, signal));
      case 'linkCreate': {
        const { title, url } = request;
        const { outcome } = await tenant.call(request, (client, item, signal) =>
          client.createLink({ ...item, title, url, fence: async () => undefined }, signal),
        );
        if (outcome.kind === 'linked') links.push(outcome.id ?? NO_ID);
        return undefined;
      }
      case 'linkDelete': {
        const id = links[request.ordinal - 1] ?? NO_ID;
        return tenant.call(request, (client, item, signal) => client.deleteLink({ ...item, id }, signal));
      }
      case 'commentList':
        return tenant.call(request, (client, item, signal) => client.listComments(item, signal));
      case 'commentCreate': {
        const { html } = request;
        const { result } = await tenant.call(request, (client, item, signal) =>
          client.addComment({ ...item, html }, signal),
        );
        comments.push(identified.safeParse(result).data?.id ?? NO_ID);
        return undefined;
      }
      case 'commentDelete': {
        const id = comments[request.ordinal - 1] ?? NO_ID;
        return tenant.call(request, (client, item, signal) => client.deleteComment({ ...item, id }, signal));
      }
    }
  };
}

/** How busy the tenant was cannot be asked for again: the fake throttles where the tenant did. */
function faultsFor(answer: RecordedAnswer): object[] {
  if ('lost' in answer) return [];
  const code = codeOf(answer);
  if (!THROTTLED.has(code)) return [];
  const seconds = Number(answer.headers['retry-after']);
  const fault =
    code === 'PM.02153001'
      ? { kind: 'serviceThrottled' }
      : { kind: 'throttled', ...(Number.isInteger(seconds) && { retryAfterSeconds: seconds }) };
  return [{ count: 1, fault }];
}

function codeOf({ json }: Exclude<RecordedAnswer, { lost: true }>): string {
  return refusal.safeParse(json).data?.error_code ?? '';
}
