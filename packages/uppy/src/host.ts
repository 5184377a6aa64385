/** The part of Uppy's core that the plugin uses. It is the same in version 5 and version 6. */

/** How long a message stays, in milliseconds: as long as Uppy's own. */
export const MESSAGE_MS = 5000;

/** A file in Uppy. */
export interface PickedFile {
  id: string;
  name?: string;
  type?: string;
  size: number | null;
  /** The bytes; not there when Golden Retriever could not restore them, or Companion has the file. */
  data?: unknown;
  meta: Record<string, unknown>;
  progress: { uploadStarted?: number | null; uploadComplete?: boolean; complete?: boolean };
  error?: string | null;
  isRestored?: boolean;
  isRemote?: boolean;
}

export interface Host {
  emit(event: string, ...details: unknown[]): void;
  once(event: 'is-online', listener: () => void): unknown;
  getFile(id: string): PickedFile | undefined;
  setFileState(id: string, state: object): void;
  info(message: string, type: 'info' | 'warning', durationMs: number): void;
  log(message: unknown, type: 'warning'): void;
}
