/**
 * Storage and its queue in this process, for a stack to be started with: a test can read their requests, and
 * set the clock by which URLs expire.
 */
import { startS3 } from '../../local/s3/server.ts';
import { startSqs } from '../../local/sqs.ts';
import { awsKey } from './local-keys.ts';
import { makeTemporaryDirectory } from './probe-stack.ts';

const region = 'eu-central-1';

export async function startStorage() {
  const data = await makeTemporaryDirectory();
  const sqs = await startSqs({ port: 0, region, credentials: [awsKey] });
  let aheadMs = 0;
  let closing: Promise<void> | undefined;
  const s3 = await startS3({
    port: 0,
    dataDirectory: data.path,
    credentials: [awsKey],
    region,
    sqsEndpoint: sqs.url,
    clock: () => Date.now() + aheadMs,
  });

  return {
    /** Lets a stack use these instead of its own. */
    environment: {
      AWS_REGION: region,
      AWS_ENDPOINT_URL_S3: s3.url,
      AWS_ENDPOINT_URL_SQS: sqs.url,
      AWS_ACCESS_KEY_ID: awsKey.accessKeyId,
      AWS_SECRET_ACCESS_KEY: awsKey.secretAccessKey,
      AWS_SESSION_TOKEN: '',
    },
    /** The parts of an upload that were sent and stored, in the order in which they came. */
    storedParts: (id: string): number[] =>
      partRequests(id).flatMap(({ partNumber, status }) =>
        partNumber !== undefined && status === 200 ? [partNumber] : [],
      ),
    /** What was sent of an upload and not stored. */
    refusedParts: (id: string) => partRequests(id).filter(({ status }) => status !== 200),
    /** Runs the work with storage's clock set forward; clients that sign requests themselves fail meanwhile. */
    async later<T>(ms: number, work: () => Promise<T>): Promise<T> {
      aheadMs = ms;
      return work().finally(() => {
        aheadMs = 0;
      });
    },
    /** Stops storage; its queue keeps running. */
    breakDown: close,
    async stop(): Promise<void> {
      await Promise.all([close(), sqs.close()]);
      await data.remove();
    },
  };

  function close(): Promise<void> {
    closing ??= s3.close();
    return closing;
  }

  function partRequests(id: string) {
    return s3.requests.filter(({ operation, key }) => operation === 'UploadPart' && key === `staging/${id}`);
  }
}
