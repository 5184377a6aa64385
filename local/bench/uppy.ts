/**
 * The part of Uppy that the page uses, so that the same code works with version 5 and version 6. Only the entry files
 * import Uppy's packages.
 */
import { GIB, MIB } from '../../lib/domain/units.ts';

/** A file in Uppy. */
export interface PickedFile {
  id: string;
  name?: string;
  size: number | null;
  type?: string;
  data?: unknown;
  progress: { uploadStarted?: number | null; uploadComplete?: boolean };
  /** Set while a multipart upload of this file is running: `uploadId` is the id of our upload. */
  s3Multipart?: { uploadId?: string };
}

export interface UppyCore {
  on(event: 'files-added' | 'restored' | 'state-update', listener: () => void): unknown;
  on(
    event: 'upload-success',
    listener: (file: PickedFile | undefined, response: { body?: Record<string, unknown> }) => void,
  ): unknown;
  on(
    event: 'upload-error',
    listener: (file: PickedFile | undefined, error: { message: string }) => void,
  ): unknown;
  off(event: 'state-update', listener: () => void): unknown;
  getFiles(): PickedFile[];
  getState(): { currentUploads: Record<string, unknown>; recoveredState: object | null };
  setFileState(id: string, state: object): void;
  setOptions(options: { restrictions: { maxFileSize: number } }): void;
  getPlugin(id: 'Dashboard'): { setOptions(options: { note: string }): void } | undefined;
  removeFile(id: string): void;
  upload(): Promise<unknown>;
}

export interface UppyOptions {
  id: string;
  onBeforeUpload: () => boolean;
}

/** One version of Uppy. */
export interface UppyKit {
  id: 'uppy5' | 'uppy6';
  create(options: UppyOptions): {
    core: UppyCore;
    /** Sends later uploads to this endpoint; ends running ones. */
    connect: (companionEndpoint: string) => void;
    /** Restores the uploads that a reload has interrupted. */
    restore: () => void;
  };
}

/** The same threshold as that of the API. */
const MULTIPART_THRESHOLD_BYTES = 10 * MIB;

export const DASHBOARD = {
  inline: true,
  target: '#picker',
  width: '100%',
  height: 340,
  theme: 'auto',
  singleFileFullScreen: false,
  proudlyDisplayPoweredByUppy: false,
} as const;

/** Whether Simplified Chinese is the first of these languages that the page can have Uppy speak. */
export function readsChinese(languages: readonly string[]): boolean {
  return /^zh(?:-(?:hans(?:-.+)?|cn|sg))?$/i.test(languages.find((tag) => /^(?:en|zh)\b/i.test(tag)) ?? '');
}

/** Golden Retriever keeps files up to this size; its default is 10 MiB. */
const KEPT_FILE_BYTES = GIB;

/** Each version has a database of its own, as neither can read that of the other. */
export function retrieverOptions(id: UppyKit['id']) {
  const name = id === 'uppy6' ? 'uppy-blobs' : 'uppy-blobs-5';
  return { indexedDB: { name, dbName: name, maxFileSize: KEPT_FILE_BYTES, maxTotalSize: KEPT_FILE_BYTES } };
}

export function shouldUseMultipart(file: { size: number | null }): boolean {
  return (file.size ?? 0) > MULTIPART_THRESHOLD_BYTES;
}
