/**
 * The world of a test file of ingestion: with a queue and a bucket of producers, and services for which ingestion is
 * on. Producers' objects are put by the SDK; what the queue would bring is given to the services by the test.
 */
import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { nameBasedId } from '../../lib/ingestion/offers.ts';
import { useWorld } from './use-world.ts';
import { emptyQueue, issueId, projectId } from './world.ts';

/** A bucket of a producer. */
export const SOURCE_BUCKET = 'artifacts';

/** `input` may be changed before the command proceeds. */
type Command = { name: string; key: string; input: object; proceed: () => Promise<unknown> };

export async function useIngest() {
  const world = await useWorld({ environment: { INGEST_PROJECTS: '*' } });
  const { clients, config } = world;
  const queueUrl = await world.createQueue('ingest');
  await world.createBucket(SOURCE_BUCKET);
  let items = BigInt(issueId) + 5_000_000n;

  function build({
    ingest = {},
    ...given
  }: Parameters<typeof world.build>[0] & { ingest?: Partial<typeof config.ingest> } = {}) {
    const settings = { ...config.ingest, queueUrl, ...ingest };
    return world.build({ ...given, config: { ...given.config, ingest: settings } });
  }

  /** Services whose requests to storage pass through the test. */
  function buildWatched(
    watch: (command: Command) => Promise<unknown>,
    given: Parameters<typeof build>[0] = {},
  ) {
    const s3 = world.connectStorage();
    s3.middlewareStack.add(
      (next, { commandName = '' }) =>
        async (args) => {
          let output: Awaited<ReturnType<typeof next>> | undefined;
          const key = String(Object.entries(args.input).find(([name]) => name === 'Key')?.[1] ?? '');
          const proceed = async (): Promise<unknown> => (output ??= await next(args));
          await watch({ name: commandName.replace('Command', ''), key, input: args.input, proceed });
          await proceed();
          if (output === undefined) throw new Error('no answer');
          return output;
        },
      { step: 'initialize', name: 'watch' },
    );
    return build({ ...given, s3 });
  }

  /** Puts an object; answers with the event that S3 would send, and the upload that it is to become. */
  async function put(
    bytes: Buffer = randomBytes(100),
    { key = dropKey(), ...more }: { key?: string } & Partial<Omit<PutObjectCommandInput, 'Key'>> = {},
  ) {
    world.passSecondInStorage();
    await clients.s3.send(new PutObjectCommand({ Bucket: config.bucket, Key: key, Body: bytes, ...more }));
    const etag = createHash('md5').update(bytes).digest('hex');
    return { key, etag, bytes, event: eventOf(key, etag), id: nameBasedId('drop', config.bucket, key, etag) };
  }

  /** A key for a drop, of a work item of its own. */
  function dropKey(name: string = `${randomUUID()}.log`): string {
    items += 1n;
    return `ingest/${projectId}/${items}/${name}`;
  }

  /** What is on the queue of ingestion now. */
  function queued(): Promise<string[]> {
    return emptyQueue(clients.sqs, queueUrl);
  }

  /** True while the staging bucket has the object. */
  async function exists(key: string): Promise<boolean> {
    return (await world.staging.head(key)) !== undefined;
  }

  return { ...world, build, buildWatched, put, dropKey, queued, exists, queueUrl };
}

/** The message by which S3 reports an object. */
export function eventOf(key: string, etag: string): string {
  const coded = encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/');
  const s3 = { object: { key: coded, eTag: etag, size: 1 } };
  return JSON.stringify({ Records: [{ eventName: 'ObjectCreated:Put', s3 }] });
}
