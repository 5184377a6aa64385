/**
 * Certificate authorities and certificates of servers, made when a test needs them: no key is kept, and none needs a
 * program of the machine. X.509 in DER, as far as TLS needs it: https://www.rfc-editor.org/rfc/rfc5280#section-4.1
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isIP } from 'node:net';

const DAY_MS = 86_400_000;
const OID = { commonName: '550403', ecdsaWithSha256: '2a8648ce3d040302', names: '551d11', basic: '551d13' };

/** From when to when a certificate is valid, in days from now. */
type Days = { from?: number; to?: number };

/** An authority that signs certificates of servers; `pem` is its own certificate. */
export function createAuthority(name: string, days: Days = {}) {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const constraints = extension(OID.basic, sequence(der(0x01, Buffer.from([0xff]))));
  const signer = { name, key: keys.privateKey };
  const pem = certify({ name, key: keys.publicKey, extensions: [constraints], signer, days });

  return {
    pem,
    /** A server's certificate for these names and addresses, with its key, in PEM. */
    issue(hosts: string[], validity: Days = {}): { cert: string; key: string } {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const cert = certify({
        name: hosts[0] ?? '',
        key: own.publicKey,
        extensions: [extension(OID.names, sequence(...hosts.map(alternativeName)))],
        signer,
        days: validity,
      });
      return { cert, key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
    },
  };
}

/** A server's certificate that no authority has signed, with its key, in PEM. */
export function selfSign(host: string): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const extensions = [extension(OID.names, sequence(alternativeName(host)))];
  const signer = { name: host, key: privateKey };
  const cert = certify({ name: host, key: publicKey, extensions, signer, days: {} });
  return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

function certify(certificate: {
  name: string;
  key: KeyObject;
  extensions: Buffer[];
  signer: { name: string; key: KeyObject };
  days: Days;
}): string {
  const { name, key, extensions, signer, days } = certificate;
  const algorithm = sequence(identifier(OID.ecdsaWithSha256));
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    distinguishedName(signer.name),
    sequence(time(days.from ?? -1), time(days.to ?? 1)),
    distinguishedName(name),
    key.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const whole = sequence(body, algorithm, bits(sign('sha256', body, signer.key)));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function alternativeName(host: string): Buffer {
  if (isIP(host) === 4) return der(0x87, Buffer.from(host.split('.').map(Number)));
  return der(0x82, Buffer.from(host));
}

function distinguishedName(name: string): Buffer {
  return sequence(der(0x31, sequence(identifier(OID.commonName), der(0x0c, Buffer.from(name)))));
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(identifier(id), der(0x04, value));
}

function time(days: number): Buffer {
  const digits = new Date(Date.now() + days * DAY_MS).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`));
}

function integer(value: Buffer): Buffer {
  return der(0x02, value);
}

function identifier(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

function bits(value: Buffer): Buffer {
  return der(0x03, Buffer.concat([Buffer.from([0]), value]));
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  if (length < 0x100) return Buffer.concat([Buffer.from([tag, 0x81, length]), content]);
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), content]);
}
