/**
 * Operations on a bucket and its configuration: CORS rules and notifications.
 * Refuses the parts of a configuration that would have no effect here.
 */
import { z } from 'zod';
import { readDocument } from './body.ts';
import { S3Error } from './errors.ts';
import { testEvent, type Publish } from './events.ts';
import { xmlAnswer, type Call, type S3Response } from './http.ts';
import { readFilters, requireNoOverlap } from './notification-rules.ts';
import type { Bucket, CorsRule, Notification, Store } from './store.ts';
import { buildXml, elementOf, parseXml } from './xml.ts';

const BUCKET_NAME = /^(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const SUPPORTED_EVENT = /^s3:ObjectCreated:(\*|Put|Post|Copy|CompleteMultipartUpload)$/;

const corsDocument = z.object({
  CORSConfiguration: z.object({
    CORSRule: z
      .array(
        z.object({
          ID: z.string().optional(),
          AllowedOrigin: z.array(z.string()),
          AllowedMethod: z.array(z.enum(['GET', 'PUT', 'POST', 'DELETE', 'HEAD'])),
          AllowedHeader: z.array(z.string()).default([]),
          ExposeHeader: z.array(z.string()).default([]),
          MaxAgeSeconds: z.coerce.number().int().optional(),
        }),
      )
      .max(100),
  }),
});

const filterDocument = z.object({
  S3Key: elementOf(
    z.object({ FilterRule: z.array(z.object({ Name: z.string(), Value: z.string() })).default([]) }),
  ),
});

const notificationDocument = z.object({
  NotificationConfiguration: elementOf(
    z.looseObject({
      QueueConfiguration: z
        .array(
          z.object({
            Id: z.string().optional(),
            Queue: z.string(),
            Event: z.array(z.string()),
            Filter: filterDocument.optional(),
          }),
        )
        .default([]),
    }),
  ),
});

/** The operations on buckets; each trusts that `api.ts` has authenticated the call. */
export function createBucketOperations({
  store,
  region,
  publish,
}: {
  store: Store;
  region: string;
  publish: Publish;
}) {
  async function createBucket({ bucket: name }: Call): Promise<S3Response> {
    if (!BUCKET_NAME.test(name)) throw new S3Error('InvalidBucketName', 'The specified bucket is not valid.');
    if (store.buckets.get(name) !== undefined) {
      throw new S3Error(
        'BucketAlreadyOwnedByYou',
        'Your previous request to create the named bucket succeeded and you already own it.',
      );
    }
    store.buckets.set(name, { name, cors: [], notifications: [] });
    return { status: 200, headers: { location: `/${name}` } };
  }

  async function headBucket(_call: Call): Promise<S3Response> {
    return { status: 200, headers: { 'x-amz-bucket-region': region } };
  }

  async function putBucketCors(call: Call): Promise<S3Response> {
    const { CORSConfiguration } = parseXml(await readDocument(call), corsDocument);
    const cors = CORSConfiguration.CORSRule.map((rule) => ({
      ...(rule.ID !== undefined && { id: rule.ID }),
      allowedOrigins: rule.AllowedOrigin,
      allowedMethods: rule.AllowedMethod,
      allowedHeaders: rule.AllowedHeader,
      exposeHeaders: rule.ExposeHeader,
      ...(rule.MaxAgeSeconds !== undefined && { maxAgeSeconds: rule.MaxAgeSeconds }),
    }));
    store.buckets.set(call.bucket, { ...requireBucket(store, call.bucket), cors });
    return { status: 200, headers: {} };
  }

  async function getBucketCors({ bucket }: Call): Promise<S3Response> {
    const { cors } = requireBucket(store, bucket);
    if (cors.length === 0)
      throw new S3Error('NoSuchCORSConfiguration', 'The CORS configuration does not exist');
    return xmlAnswer(buildXml('CORSConfiguration', { CORSRule: cors.map(corsElement) }));
  }

  async function putNotification(call: Call): Promise<S3Response> {
    const { NotificationConfiguration: document } = parseXml(await readDocument(call), notificationDocument);
    const other = Object.keys(document).find((name) =>
      /(Topic|CloudFunction|EventBridge)Configuration$/.test(name),
    );
    if (other !== undefined) throw new S3Error('NotImplemented', `${other} is not supported by this server.`);
    const notifications = document.QueueConfiguration.map((queue, index) => {
      const unsupported = queue.Event.find((event) => !SUPPORTED_EVENT.test(event));
      if (unsupported !== undefined)
        throw new S3Error('NotImplemented', `${unsupported} is not supported by this server.`);
      const filters = readFilters(queue.Filter?.S3Key.FilterRule ?? []);
      return { id: queue.Id ?? `queue-${index + 1}`, queueArn: queue.Queue, events: queue.Event, ...filters };
    });
    requireNoOverlap(notifications);
    if (call.headers['x-amz-skip-destination-validation'] !== 'true')
      await tryDestinations(call, notifications);
    store.buckets.set(call.bucket, { ...requireBucket(store, call.bucket), notifications });
    return { status: 200, headers: {} };
  }

  async function tryDestinations(call: Call, notifications: readonly Notification[]): Promise<void> {
    const body = testEvent(call);
    try {
      await Promise.all(notifications.map(({ queueArn }) => publish({ queueArn, body })));
    } catch (cause) {
      throw new S3Error('InvalidArgument', 'Unable to validate the following destination configurations', {
        cause,
      });
    }
  }

  async function getNotification({ bucket }: Call): Promise<S3Response> {
    const { notifications } = requireBucket(store, bucket);
    const content = { QueueConfiguration: notifications.map(notificationElement) };
    return xmlAnswer(buildXml('NotificationConfiguration', content));
  }

  return { createBucket, headBucket, putBucketCors, getBucketCors, putNotification, getNotification };
}

/** The bucket; throws NoSuchBucket. */
export function requireBucket(store: Store, name: string): Bucket {
  const bucket = store.buckets.get(name);
  if (bucket === undefined) throw new S3Error('NoSuchBucket', 'The specified bucket does not exist');
  return bucket;
}

function corsElement(rule: CorsRule) {
  return {
    ...(rule.id !== undefined && { ID: rule.id }),
    AllowedHeader: rule.allowedHeaders,
    AllowedMethod: rule.allowedMethods,
    AllowedOrigin: rule.allowedOrigins,
    ExposeHeader: rule.exposeHeaders,
    ...(rule.maxAgeSeconds !== undefined && { MaxAgeSeconds: rule.maxAgeSeconds }),
  };
}

function notificationElement({ id, queueArn, events, prefix, suffix }: Notification) {
  const rules = [
    { Name: 'Prefix', Value: prefix },
    { Name: 'Suffix', Value: suffix },
  ].filter((rule) => rule.Value !== '');
  return {
    Id: id,
    Queue: queueArn,
    Event: events,
    ...(rules.length > 0 && { Filter: { S3Key: { FilterRule: rules } } }),
  };
}
