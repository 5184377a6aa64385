/**
 * A process of its own for everything that the functions talk to, so that only the product uses memory and time
 * of the fuzzed process. Sends the environment with which a function finds the services; ends with its parent.
 */
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { DROPS, PRODUCERS_BUCKET, PRODUCERS_BYTES, PRODUCERS_KEY } from './messages.ts';
import { startWorld } from '../support/world.ts';

const world = await startWorld({
  ends: 'sockets',
  environment: { MAX_OPEN_UPLOADS: '40', UPLOADS_PER_MINUTE: '1000', INGEST_PROJECTS: '*' },
});
const { s3 } = world.clients;
await s3.send(new CreateBucketCommand({ Bucket: PRODUCERS_BUCKET }));
const places = [
  { Bucket: PRODUCERS_BUCKET, Key: PRODUCERS_KEY },
  ...DROPS.map((Key) => ({ Bucket: world.config.bucket, Key })),
];
await Promise.all(places.map((place) => s3.send(new PutObjectCommand({ ...place, Body: PRODUCERS_BYTES }))));
process.once('disconnect', () => void world.stop());
process.send?.({ environment: process.env });
