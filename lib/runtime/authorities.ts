/**
 * The certificates of authorities in IPD_CA: a text in PEM, checked as far as it can be without a connection. Pure. Its
 * sentences never contain any of the text.
 */
import { X509Certificate } from 'node:crypto';

/** https://www.rfc-editor.org/rfc/rfc7468#section-5; what stands between the certificates is left out. */
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

export type Authorities = { kind: 'read'; certificates: string[] } | { kind: 'refused'; reason: string };

/** Takes the certificates, each in PEM, out of a text, or says what is wrong with it. */
export function parseAuthorities(text: string): Authorities {
  if (text.includes('PRIVATE KEY-----')) {
    return { kind: 'refused', reason: 'holds a private key, which belongs to its authority alone' };
  }
  const certificates = text.match(CERTIFICATE) ?? [];
  if (certificates.length === 0 || certificates.length !== text.split('-----BEGIN').length - 1) {
    return {
      kind: 'refused',
      reason:
        'must be certificates of authorities in PEM, as "$(cat ca.pem)" gives them, or secretsmanager:<name or ARN> or ssm:<parameter name>',
    };
  }
  const [fault] = certificates.flatMap((pem, index) => {
    const found = faultOf(pem);
    return found === undefined ? [] : [`certificate ${index + 1} of ${certificates.length} ${found}`];
  });
  return fault === undefined ? { kind: 'read', certificates } : { kind: 'refused', reason: fault };
}

function faultOf(pem: string): string | undefined {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    return 'cannot be read';
  }
  // A server's own certificate that it has signed itself is an authority of its own.
  const isAuthority = certificate.ca || certificate.checkIssued(certificate);
  return isAuthority ? undefined : "is a server's: give that of the authority which signed it";
}
