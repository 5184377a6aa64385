import { describe, expect, it } from '@jest/globals';
import { SignatureV4 } from '@smithy/signature-v4';
import { Sha256 } from '../../../lib/storage/sha256.ts';

async function digestOf(hash: Sha256, text: string): Promise<string> {
  hash.update(Buffer.from(text));
  return Buffer.from(await hash.digest()).toString('hex');
}

describe('Sha256', () => {
  it('hashes as FIPS 180-4 has it', async () => {
    expect(await digestOf(new Sha256(), 'abc')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });

  // https://www.rfc-editor.org/rfc/rfc4231#section-4.3
  it.each([
    ['text', 'Jefe'],
    ['bytes', Buffer.from('Jefe')],
    ['bytes within others', Buffer.from('>Jefe<').subarray(1, 5)],
    ['a view of other elements', new DataView(new Uint8Array(Buffer.from('Jefe')).buffer)],
    ['a buffer', new Uint8Array(Buffer.from('Jefe')).buffer],
  ])('makes an HMAC with a key that is %s, every time', async (_name, key) => {
    for (let time = 1; time <= 2; time += 1) {
      expect(await digestOf(new Sha256(key), 'what do ya want for nothing?')).toBe(
        '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
      );
    }
  });

  // https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html
  it("signs the policy of AWS's example as AWS does", async () => {
    const lines = [
      '{ "expiration": "2015-12-30T12:00:00.000Z",',
      '  "conditions": [',
      '    {"bucket": "sigv4examplebucket"},',
      '    ["starts-with", "$key", "user/user1/"],',
      '    {"acl": "public-read"},',
      '    {"success_action_redirect": "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},',
      '    ["starts-with", "$Content-Type", "image/"],',
      '    {"x-amz-meta-uuid": "14365123651274"},',
      '    {"x-amz-server-side-encryption": "AES256"},',
      '    ["starts-with", "$x-amz-meta-tag", ""],',
      '',
      '    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},',
      '    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},',
      '    {"x-amz-date": "20151229T000000Z" }',
      '  ]',
      '}',
    ];
    const signer = new SignatureV4({
      credentials: {
        accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
        secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
      },
      region: 'us-east-1',
      service: 's3',
      sha256: Sha256,
    });

    const signature = await signer.sign(Buffer.from(lines.join('\r\n')).toString('base64'), {
      signingDate: new Date('2015-12-29T00:00:00Z'),
    });

    expect(signature).toBe('8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e');
  });
});
