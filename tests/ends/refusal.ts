/** The bucket's answer when it refuses a request: an error as the SDK throws it. */
import { S3ServiceException } from '@aws-sdk/client-s3';

/** An error with this status and S3's own name for it. */
export function refusal(status: number, name: string): S3ServiceException {
  return new S3ServiceException({
    name,
    message: name,
    $fault: status < 500 ? 'client' : 'server',
    $metadata: { httpStatusCode: status },
  });
}
