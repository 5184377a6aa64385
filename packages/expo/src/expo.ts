/** The entry for Expo, and for React Native with expo-file-system: background uploads on the phone's own files. */
import { createExpoPlatform, createExpoStore } from './expo-file-system.ts';
import { createUploads } from './uploads.ts';
import type { Uploads, UploadsOptions } from './uploads.ts';

export { UploadError } from './uploads.ts';
export type { Change, Job, NewFile, NewUpload, Outcome, Started, Upload, Uploads } from './uploads.ts';

export type BackgroundUploadsOptions = Omit<UploadsOptions, 'platform' | 'store'>;

const FOLDER = 'attachment-uploads';

/** One for the whole app: call `resumeAll` when it starts and when it comes to the foreground. */
export function createBackgroundUploads(options: BackgroundUploadsOptions): Uploads {
  return createUploads({ ...options, platform: createExpoPlatform(FOLDER), store: createExpoStore(FOLDER) });
}
