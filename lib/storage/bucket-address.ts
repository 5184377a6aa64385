/** Where others reach a bucket: at a host of its own on AWS; elsewhere, or where its name is no host's, in a folder. */
import { percentEncode } from '../domain/percent-encoding.ts';

export type Location = {
  region: string;
  /** Other than AWS's own of the region. */
  endpoint?: string | undefined;
};

/** `folder` is the beginning of each object's path. */
export type BucketAddress = { protocol: string; host: string; folder: string };

const AWS_HOST = /\.amazonaws\.com(\.cn)?$/;
/** TLS certificates of S3 cover one label before its host, so a bucket with dots is none. */
const HOST_LABEL = /^[a-z\d][a-z\d-]{1,61}[a-z\d]$/;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html */
export function addressOf(bucket: string, { region, endpoint }: Location): BucketAddress {
  const china = region.startsWith('cn-') ? '.cn' : '';
  const { protocol, host, hostname, pathname } = new URL(
    endpoint ?? `https://s3.${region}.amazonaws.com${china}`,
  );
  const base = pathname.replace(/\/$/, '');
  return AWS_HOST.test(hostname) && HOST_LABEL.test(bucket)
    ? { protocol, host: `${bucket}.${host}`, folder: base }
    : { protocol, host, folder: `${base}/${percentEncode(bucket)}` };
}
