/** Uploads in doubt, followed on the test's clock. */
import type { Upload } from '../../lib/domain/upload.ts';
import type { World } from './world.ts';

/** Sets the faults of the next upload requests. */
export async function onUpload(world: World, fault: object, count = 1): Promise<void> {
  await world.faults([{ match: { operation: 'upload' }, count, fault }]);
}

/** An upload in doubt whose file IPD did not keep. */
export async function inDoubt(
  world: World,
  bytes: Buffer,
  request: { sha256?: string } = {},
): Promise<Upload> {
  await onUpload(world, { kind: 'gatewayTimeout', stored: false });
  return world.deliver(bytes, request);
}

/** Checks again and again while the upload is unconfirmed; answers with the seconds from the start of its doubt to each check. */
export async function checkUntilOver(
  world: World,
  upload: Upload,
): Promise<{ checkedAfter: number[]; after: Upload }> {
  const since = Date.parse(upload.doubt?.since ?? '');
  const checkedAfter: number[] = [];
  let after = upload;
  while (after.status === 'unconfirmed') {
    after = await world.next(upload.id);
    checkedAfter.push((world.clock.now() - since) / 1000);
  }
  return { checkedAfter, after };
}
