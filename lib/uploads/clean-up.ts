/**
 * The work after the end of an upload: notify subscribers and remove its file. The function that ends the upload does
 * it at once. If that fails, the sweep does it, so a crash loses neither.
 */
import type { Arrivals } from './stage.ts';
import type { Ledger } from '../ledger/uploads.ts';
import * as endings from '../domain/endings.ts';
import type { Notifications } from '../messaging/notifications.ts';
import type { Telemetry } from '../runtime/telemetry.ts';
import type { LinkedFiles } from '../storage/linked-files.ts';
import { mayLeaveLinkedFile } from '../domain/upload.ts';
import type { Upload } from '../domain/upload.ts';

export type Closing = ReturnType<typeof createClosing>;

export function createClosing({
  ledger,
  notifications,
  arrivals,
  linkedFiles,
  telemetry,
}: {
  ledger: Ledger;
  notifications: Notifications;
  arrivals: Arrivals;
  linkedFiles: LinkedFiles;
  telemetry: Telemetry;
}) {
  /** Sends the notification of the end, if it is still to be sent. Throws what publishing throws. */
  async function notify(upload: Upload): Promise<Upload> {
    const { notification } = upload;
    if (notification === undefined) return upload;
    await notifications.publish(upload, notification);
    const { upload: notified } = await ledger.change(upload, (before) =>
      endings.markNotified(before, notification),
    );
    return notified;
  }

  /**
   * The same, and removes the file, which is not needed any more. Neither waits for the other; throws what went
   * wrong.
   */
  async function close(upload: Upload): Promise<void> {
    const { notification } = upload;
    const [removal, publication] = await Promise.allSettled([
      discard(upload),
      notification && notifications.publish(upload, notification),
    ]);
    await ledger.change(upload, (before) => {
      const notified =
        (publication.status === 'fulfilled' && notification && endings.markNotified(before, notification)) ||
        before;
      return removal.status === 'fulfilled' ? endings.markCleaned(notified) : notified;
    });
    for (const end of [removal, publication]) if (end.status === 'rejected') throw end.reason;
  }

  /** The copy for a link goes with the file, where no link was made of it. */
  async function discard(upload: Upload): Promise<void> {
    await arrivals.discard(upload);
    if (mayLeaveLinkedFile(upload)) await linkedFiles.remove(upload.id);
  }

  /** Removes the file, if that is not done, and records it. The rest is not due yet. */
  async function removeFile(upload: Upload): Promise<Upload> {
    await discard(upload);
    const { upload: clean } = await ledger.change(upload, endings.markFileRemoved);
    return clean;
  }

  /**
   * Directly after a write that may have ended the upload: what fails now is left to the sweep. Does nothing with one
   * that has not ended.
   */
  async function tryNow(upload: Upload): Promise<void> {
    try {
      if (upload.status === 'delivered') await close(upload);
      else await notify(upload);
    } catch (error) {
      telemetry.error('upload not closed, the sweep will', error, { uploadId: upload.id });
    }
  }

  return { notify, close, removeFile, tryNow };
}
