/**
 * What background uploads need of a phone: files that are sent as a whole, and records that survive the process.
 * `expo-file-system.ts` is the usual one; a native module of your own can be another.
 */

/** A PUT of a whole file. `url` and `headers` are the bridge's: send these, and no Authorization. */
export type FileRequest = {
  name: string;
  url: string;
  headers: Record<string, string>;
  signal: AbortSignal;
  /** How many bytes of the file have gone. */
  onBytes: (bytes: number) => void;
};

/** Bytes of a file, as a file of their own. `offset` and `length` are in bytes. */
export type Piece = { from: string; name: string; offset: number; length: number };

/** Names are of files in a folder of the uploads' own: KEY.data is a copy of the file, KEY.3 its third part. */
export type Platform = {
  /** How many files are handed over at once: all, where the system sends them without the app. */
  filesAtOnce: number;
  /** Copies a file that the user picked; resolves with its size in bytes. */
  adopt(uri: string, name: string): Promise<number>;
  /** Overwrites an older piece of that name. Rejects with an UploadError `file_unreadable` when the file is gone. */
  cut(piece: Piece): Promise<void>;
  /** Resolves with storage's answer, a refusal included; rejects when none came. */
  put(request: FileRequest): Promise<{ status: number; text: string }>;
  /** Absent files do not matter. */
  remove(name: string): Promise<void>;
  names(): Promise<string[]>;
};

/** One text for each upload. A `write` that the process does not survive leaves the old text. */
export type Store = {
  keys(): Promise<string[]>;
  read(key: string): Promise<string | undefined>;
  write(key: string, text: string): Promise<void>;
  remove(key: string): Promise<void>;
};
