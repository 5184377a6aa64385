/**
 * The ways to IPD and to IAM that the settings allow: which host is connected to, and whose certificates count there.
 * Refuses a request to any other host, so that no credentials can leave for one.
 */
import { send } from './wire.ts';
import type { Send, Way } from './wire.ts';

export type Ways = {
  endpoint: string;
  iamEndpoint: string;
  /** HOST or HOST:PORT of a company's gateway to IPD; IAM is reached without it. */
  gateway: string | undefined;
  allowedHosts: readonly string[];
  /** In PEM. They count for the allowed hosts, in place of the public authorities. */
  authorities: readonly string[] | undefined;
};

/** Sends requests to the two hosts. Rejects with an Error, before anything is connected to, when asked for a third. */
export function createSend({ endpoint, iamEndpoint, gateway, allowedHosts, authorities }: Ways): Send {
  const authoritiesOf = ({ host }: URL): Way['authorities'] =>
    allowedHosts.includes(host) ? authorities : undefined;
  const ipd = new URL(endpoint);
  const iam = new URL(iamEndpoint);
  const door = gateway === undefined ? undefined : new URL(`https://${gateway}`);
  const ways: Record<string, Way> = {
    [iam.origin]: { setting: 'IPD_IAM_ENDPOINT', authorities: authoritiesOf(iam) },
    [ipd.origin]: {
      setting: door === undefined ? 'IPD_ENDPOINT' : 'IPD_GATEWAY',
      gateway: door,
      authorities: authoritiesOf(door ?? ipd),
    },
  };

  return async (request) => {
    const way = ways[request.url.origin];
    if (way === undefined) throw new Error('a request to a host that no setting names');
    return send(request, way);
  };
}
