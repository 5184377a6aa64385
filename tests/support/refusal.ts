import { UploadError } from '../../packages/client/src/node.ts';

/** The UploadError that the work rejects with; anything else fails the test. */
export async function refusal(work: Promise<unknown>): Promise<UploadError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof UploadError)) throw new Error(`Not an UploadError: ${String(error)}`);
  return error;
}
