/**
 * The hosts that may get IPD's credentials: Huawei's public ones, those that an operator names, and loopback where no
 * Lambda runs. Compares hosts whole, never by a part or a pattern of the operator. Pure; resolves and connects to nothing.
 */

/** https://support.huaweicloud.com/api-projectman/projectman_03_0003.html */
const PUBLIC_IPD = /^projectman-ext\.[a-z]+(-[a-z0-9]+)+\.myhuaweicloud\.(com|cn)$/;
/** https://support.huaweicloud.com/api-iam/iam_30_0001.html */
const PUBLIC_IAM = /^iam(\.[a-z]+(-[a-z0-9]+)+)?\.myhuaweicloud\.(com|cn)$/;
const PUBLIC_DOMAIN = /(^|\.)myhuaweicloud\.(com|cn)$/;
const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/;

/** Labels of https://www.rfc-editor.org/rfc/rfc1123#section-2.1; the last one begins with a letter, so it is no address. */
const NAME = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** What the settings say about hosts, as they are written; `allowed` are the entries of IPD_ALLOWED_HOSTS. */
type HostSettings = {
  endpoint: string | undefined;
  iamEndpoint: string | undefined;
  gateway: string | undefined;
  allowed: readonly string[];
  onLambda: boolean;
  /** Tokens of IAM may be used: IPD_AUTH is not `aksk`. */
  usesTokens: boolean;
  /** IPD_REGION is given, not left at its default. */
  namesRegion: boolean;
};

/** The entries of a list, with commas or spaces between them. */
export function entriesOf(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

/**
 * True for a DNS name with or without a port, in the only form that a URL gives it: small letters, ASCII (`xn--…`), no
 * dot at the end, no port 443.
 */
export function isHost(text: string): boolean {
  const url = URL.parse(`https://${text}`);
  return url !== null && url.host === text && NAME.test(url.hostname) && url.port !== '0';
}

/** In Huawei's public domains, only the services that the bridge uses get credentials, also where an operator names others. */
export function isOtherService(host: string): boolean {
  const name = host.replace(/:\d+$/, '');
  return PUBLIC_DOMAIN.test(name) && !isPublicHost(host);
}

/** True for a host of Huawei's public cloud that the bridge uses without being allowed to. */
export function isPublicHost(host: string): boolean {
  return PUBLIC_IPD.test(host) || PUBLIC_IAM.test(host);
}

/** A sentence for each setting that names a host which may not get credentials, or that lacks another setting. */
export function findWrongHosts(settings: HostSettings): string[] {
  const { endpoint, iamEndpoint, gateway, allowed, onLambda, usesTokens, namesRegion } = settings;
  const isLoopback = (host: string): boolean => !onLambda && LOOPBACK.test(host);
  /** Whole, as it is written: nothing that a parser could read in another way comes through. */
  const isNamed = (url: string): boolean =>
    allowed.some((host) => url === `https://${host}` && !isPublicHost(host));
  const isAllowed = (url: string, publicHost: RegExp): boolean => {
    const [, scheme, host = ''] = /^(https?):\/\/(.*)$/s.exec(url) ?? [];
    return isNamed(url) || isLoopback(host) || (scheme === 'https' && publicHost.test(host));
  };

  const problems: string[] = [];
  if (endpoint !== undefined && !isAllowed(endpoint, PUBLIC_IPD)) {
    problems.push(
      'IPD_ENDPOINT: must be https://projectman-ext.<region>.myhuaweicloud.com or https:// and a host of IPD_ALLOWED_HOSTS, without a path',
    );
  }
  if (iamEndpoint !== undefined && !isAllowed(iamEndpoint, PUBLIC_IAM)) {
    problems.push(
      'IPD_IAM_ENDPOINT: must be https://iam.<region>.myhuaweicloud.com or https:// and a host of IPD_ALLOWED_HOSTS, without a path',
    );
  }
  if (gateway !== undefined && !allowed.includes(gateway) && !isLoopback(gateway)) {
    problems.push('IPD_GATEWAY: must be a host of IPD_ALLOWED_HOSTS, with its port where that has one');
  }
  if (gateway !== undefined && endpoint?.startsWith('http:') === true) {
    problems.push('IPD_GATEWAY: needs https in IPD_ENDPOINT, since a gateway is reached by TLS alone');
  }
  if (!usesTokens) return problems;
  // One of the two by its default would send a private cloud's password or token to the public cloud.
  if (endpoint !== undefined && isNamed(endpoint) && iamEndpoint === undefined) {
    problems.push(
      'IPD_IAM_ENDPOINT: is missing: a private IPD_ENDPOINT needs its own, or IPD_AUTH=aksk, which uses none',
    );
  }
  if (iamEndpoint !== undefined && isNamed(iamEndpoint)) {
    if (endpoint === undefined) {
      problems.push('IPD_ENDPOINT: is missing: a private IPD_IAM_ENDPOINT needs its own');
    }
    if (!namesRegion) {
      problems.push('IPD_REGION: is missing: a private IPD_IAM_ENDPOINT gives tokens for its own region');
    }
  }
  return problems;
}
