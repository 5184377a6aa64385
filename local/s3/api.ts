/**
 * From a request to S3's answer: finds bucket, key and operation, authenticates, runs the operation, and adds request
 * id and CORS headers to every answer. Uses no sockets and no clock but the injected one.
 */
import { randomBytes } from 'node:crypto';
import type { Allows } from '../iam/policy.ts';
import { hideAbsence, requireAccess } from './access.ts';
import { createAuth, type Credentials } from './auth.ts';
import { createBucketOperations, requireBucket } from './buckets.ts';
import { createCopyOperations } from './copy.ts';
import { answerPreflight, corsHeaders } from './cors.ts';
import { S3Error } from './errors.ts';
import { createAnnouncer, type Publish } from './events.ts';
import { createFormOperation } from './form.ts';
import type { Call, Operation, S3Request, S3Response } from './http.ts';
import { createListingOperations } from './listing.ts';
import { createMultipartOperations } from './multipart.ts';
import { createObjectOperations } from './objects.ts';
import { hoistedHeaders } from './signature.ts';
import type { Store } from './store.ts';
import { buildErrorXml } from './xml.ts';

const MAX_LOGGED_REQUESTS = 10_000;
const COPY_SOURCE = 'x-amz-copy-source';

/** Query parameters that select another operation for the same method and path. */
const SUBRESOURCES = new Set(
  (
    'accelerate acl analytics attributes cors delete encryption intelligent-tiering inventory lifecycle ' +
    'legal-hold ' + // cspell:disable-line
    'list-type location logging metrics notification object-lock ownershipControls partNumber policy policyStatus ' +
    'publicAccessBlock replication requestPayment restore retention select tagging torrent uploadId uploads ' +
    'versionId versioning versions website'
  ).split(' '),
);

/** One request and its status, without signature and body. */
export type LoggedRequest = {
  method: string;
  bucket: string;
  key: string;
  operation: string;
  partNumber?: number;
  status: number;
};

type Target = { path: string; bucket: string; key: string; query: URLSearchParams };

type Route = { name: string; run: Operation };

/** Builds the server's core; `publish` carries events, `clock` tells milliseconds since 1970. */
export function createS3Api(services: {
  store: Store;
  credentials: readonly Credentials[];
  region: string;
  clock: () => number;
  publish: Publish;
  /** Without it, every key may do everything. */
  allows?: Allows | undefined;
}) {
  const { store, region, clock, publish, allows = () => true } = services;
  const auth = createAuth(services);
  const announce = createAnnouncer({ region, publish });
  const postObject = createFormOperation({ store, announce, auth, allows });
  const routes = createRoutes({
    ...createBucketOperations({ store, region, publish }),
    ...createObjectOperations({ store, announce }),
    ...createCopyOperations({ store, announce }),
    ...createMultipartOperations({ store, announce }),
    ...createListingOperations({ store }),
  });
  const requests: LoggedRequest[] = [];

  /** Answers one request; turns every error of the client or the operation into an answer. */
  async function handle(request: S3Request): Promise<S3Response> {
    const requestId = randomBytes(8).toString('hex').toUpperCase();
    let operation = 'Unknown';
    let target: Target | undefined;
    let response: S3Response;
    try {
      target = readTarget(request);
      const route = findRoute(request, target);
      operation = route.name;
      response = await answer(request, { target, route, requestId });
    } catch (error) {
      response = describeError(error, { request, requestId });
    }
    const { bucket = '', key = '', query } = target ?? {};
    const partNumber = Number(query?.get('partNumber') ?? Number.NaN);
    const { method } = request;
    requests.push({
      method,
      bucket,
      key,
      operation,
      ...(partNumber >= 0 && { partNumber }),
      status: response.status,
    });
    if (requests.length > MAX_LOGGED_REQUESTS) requests.shift();
    const rules = method === 'OPTIONS' ? [] : (store.buckets.get(bucket)?.cors ?? []);
    const ids = { 'x-amz-request-id': requestId, 'x-amz-id-2': requestId };
    return { ...response, headers: { ...response.headers, ...corsHeaders(rules, request), ...ids } };
  }

  function findRoute({ method, headers }: S3Request, { bucket, key, query }: Target): Route {
    if (method === 'OPTIONS' && bucket !== '') return { name: 'PreflightRequest', run: preflight };
    const scope = bucket === '' ? 'service' : key === '' ? 'bucket' : 'key';
    const subresources = [...query.keys()].filter((name) => SUBRESOURCES.has(name)).toSorted();
    const isCopy =
      method === 'PUT' && (headers[COPY_SOURCE] ?? hoistedHeaders(query)[COPY_SOURCE]) !== undefined;
    const route = [method, scope, ...subresources, ...(isCopy ? [COPY_SOURCE] : [])].join(' ');
    const isForm =
      route === 'POST bucket' && headers['content-type']?.startsWith('multipart/form-data') === true;
    if (isForm) return { name: 'PostObject', run: postObject };
    return routes.get(route) ?? { name: 'Unknown', run: refuseUnknown };
  }

  async function answer(
    request: S3Request,
    { target, route, requestId }: { target: Target; route: Route; requestId: string },
  ): Promise<S3Response> {
    const now = new Date(clock());
    const { bucket, key, query } = target;
    const call = { bucket, key, query, body: request.body, now, requestId };
    if (route.run === preflight || route.run === postObject) {
      requireBucket(store, bucket);
      const { headers } = request;
      return route.run({ ...call, headers, payloadHash: 'UNSIGNED-PAYLOAD', requireAlso: refuseAccess });
    }
    const { accessKeyId, ...authenticated } = await auth.authenticate({ ...request, ...target }, now);
    if (route.name !== 'CreateBucket' && route.run !== refuseUnknown) requireBucket(store, bucket);
    const access = { accessKeyId, operation: route.name, bucket, key, query };
    requireAccess(allows, access);
    const requireAlso: Call['requireAlso'] = (operation, on) =>
      requireAccess(allows, { accessKeyId, operation, ...on, query: new URLSearchParams() });
    try {
      return await route.run({ ...call, ...authenticated, requireAlso });
    } catch (error) {
      // A copy judges itself, as the missing object may be its source, in another bucket.
      throw route.name === 'CopyObject' ? error : hideAbsence(allows, access, error);
    }
  }

  async function preflight({ bucket, headers }: Parameters<Operation>[0]): Promise<S3Response> {
    return answerPreflight(requireBucket(store, bucket).cors, headers);
  }

  return { handle, requests };
}

type Operations = ReturnType<typeof createBucketOperations> &
  ReturnType<typeof createObjectOperations> &
  ReturnType<typeof createCopyOperations> &
  ReturnType<typeof createMultipartOperations> &
  ReturnType<typeof createListingOperations>;

/** Method, scope, subresources in alphabetical order, and the header that makes a PUT a copy. */
function createRoutes(operations: Operations): Map<string, Route> {
  return new Map([
    ['PUT bucket', { name: 'CreateBucket', run: operations.createBucket }],
    ['HEAD bucket', { name: 'HeadBucket', run: operations.headBucket }],
    ['GET bucket list-type', { name: 'ListObjectsV2', run: operations.listObjects }],
    ['GET bucket uploads', { name: 'ListMultipartUploads', run: operations.listUploads }],
    ['GET bucket cors', { name: 'GetBucketCors', run: operations.getBucketCors }],
    ['PUT bucket cors', { name: 'PutBucketCors', run: operations.putBucketCors }],
    [
      'GET bucket notification',
      { name: 'GetBucketNotificationConfiguration', run: operations.getNotification },
    ],
    [
      'PUT bucket notification',
      { name: 'PutBucketNotificationConfiguration', run: operations.putNotification },
    ],
    ['PUT key', { name: 'PutObject', run: operations.putObject }],
    [`PUT key ${COPY_SOURCE}`, { name: 'CopyObject', run: operations.copyObject }],
    ['GET key', { name: 'GetObject', run: operations.getObject }],
    ['HEAD key', { name: 'HeadObject', run: operations.headObject }],
    ['GET key versionId', { name: 'GetObject', run: operations.getObject }],
    ['HEAD key versionId', { name: 'HeadObject', run: operations.headObject }],
    ['DELETE key', { name: 'DeleteObject', run: operations.deleteObject }],
    ['PUT key tagging', { name: 'PutObjectTagging', run: operations.putObjectTagging }],
    ['GET key tagging', { name: 'GetObjectTagging', run: operations.getObjectTagging }],
    ['POST key uploads', { name: 'CreateMultipartUpload', run: operations.createUpload }],
    ['PUT key partNumber uploadId', { name: 'UploadPart', run: operations.uploadPart }],
    ['GET key uploadId', { name: 'ListParts', run: operations.listParts }],
    ['POST key uploadId', { name: 'CompleteMultipartUpload', run: operations.completeUpload }],
    ['DELETE key uploadId', { name: 'AbortMultipartUpload', run: operations.abortUpload }],
  ]);
}

/** Path style, or virtual-hosted style under `localhost`. The path is encoded as a signer does. */
function readTarget({ url, headers }: S3Request): Target {
  const queryAt = url.indexOf('?');
  const rawPath = queryAt < 0 ? url : url.slice(0, queryAt);
  const segments = rawPath.split('/').slice(1).map(decodeSegment);
  const path = `/${segments.map(encodeSegment).join('/')}`;
  const query = new URLSearchParams(queryAt < 0 ? '' : url.slice(queryAt + 1));
  const [, host] = /^(.+)\.localhost(?::\d+)?$/.exec(headers['host'] ?? '') ?? [];
  const bucket = host ?? segments.shift() ?? '';
  return { path, bucket, key: segments.join('/'), query };
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new S3Error('InvalidURI', "Couldn't parse the specified URI.", { cause });
  }
}

function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (queryAt) => `%${queryAt.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** For a preflight and a form, which have no caller here: they ask for nothing more. */
function refuseAccess(): never {
  throw new S3Error('AccessDenied', 'Access Denied');
}

async function refuseUnknown(): Promise<S3Response> {
  throw new S3Error(
    'NotImplemented',
    'A header or query you provided requested a function that is not implemented.',
  );
}

function describeError(
  error: unknown,
  { request, requestId }: { request: S3Request; requestId: string },
): S3Response {
  if (!(error instanceof S3Error)) process.stderr.write(`s3: ${request.method} failed: ${String(error)}\n`);
  const failure =
    error instanceof S3Error
      ? error
      : new S3Error('InternalError', 'We encountered an internal error. Please try again.', { cause: error });
  const headers = { 'content-type': 'application/xml' };
  if (request.method === 'HEAD') return { status: failure.status, headers };
  const [Resource = ''] = request.url.split('?');
  const document = {
    Code: failure.code,
    Message: failure.message,
    Resource,
    RequestId: requestId,
    HostId: requestId,
  };
  return { status: failure.status, headers, body: buildErrorXml(document) };
}
