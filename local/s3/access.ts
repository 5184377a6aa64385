/**
 * Names the permission that an operation needs, and applies the decision of `allows`: it refuses a denied call, and
 * hides that an object is missing from a caller that may not list the bucket.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
 */
import type { Allows } from '../iam/policy.ts';
import { S3Error } from './errors.ts';

/** The other operations need the permission of their own name. */
const ACTIONS: Record<string, string> = {
  HeadObject: 's3:GetObject',
  PostObject: 's3:PutObject',
  CopyObject: 's3:PutObject',
  CreateMultipartUpload: 's3:PutObject',
  UploadPart: 's3:PutObject',
  CompleteMultipartUpload: 's3:PutObject',
  ListParts: 's3:ListMultipartUploadParts',
  HeadBucket: 's3:ListBucket',
  ListObjectsV2: 's3:ListBucket',
  ListMultipartUploads: 's3:ListBucketMultipartUploads',
};

/** An authenticated call. */
export type Request = {
  accessKeyId: string;
  operation: string;
  bucket: string;
  key: string;
  query: URLSearchParams;
};

/** Throws `AccessDenied` when the call is not allowed. */
export function requireAccess(allows: Allows, { accessKeyId, operation, bucket, key, query }: Request): void {
  const named = ACTIONS[operation] ?? `s3:${operation}`;
  // Who names the version, though it be the newest, needs another permission.
  const action = named === 's3:GetObject' && query.has('versionId') ? 's3:GetObjectVersion' : named;
  const resource = key === '' ? arnOf(bucket) : `${arnOf(bucket)}/${key}`;
  const prefix = query.get('prefix') ?? undefined;
  if (!allows({ accessKeyId, action, resource, prefix })) throw new S3Error('AccessDenied', 'Access Denied');
}

/** Turns "no such key" into a refusal for a caller that may not list: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html */
export function hideAbsence(allows: Allows, { accessKeyId, bucket }: Request, error: unknown): unknown {
  const isAbsence = error instanceof S3Error && error.code === 'NoSuchKey';
  if (!isAbsence || allows({ accessKeyId, action: 's3:ListBucket', resource: arnOf(bucket) })) return error;
  return new S3Error('AccessDenied', 'Access Denied', { cause: error });
}

function arnOf(bucket: string): string {
  return `arn:aws:s3:::${bucket}`;
}
