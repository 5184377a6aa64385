/**
 * Expo's phone: files in the app's documents, sent by the system's background session on iOS and by OkHttp on Android.
 * Needs expo-file-system of SDK 56 or newer. https://docs.expo.dev/versions/latest/sdk/filesystem/
 */
import { Directory, File, Paths, UploadType } from 'expo-file-system';
import { Platform as Device } from 'react-native';
import { UploadError } from '../../client/src/client.ts';
import type { FileRequest, Piece, Platform, Store } from './platform.ts';

/** How much of a file is in memory at a time. */
const CHUNK_BYTES = 1024 * 1024;
const RECORD = '.json';
const NEW_RECORD = '.new';

/** The folder is a path below the app's documents, which change their own path with an update of the app. */
export function createExpoPlatform(folder: string): Platform {
  const fileOf = (name: string) => new File(directoryOf(folder), name);

  return {
    // iOS goes on with all that it was handed while the app is dead. On Android they go with the app's process.
    filesAtOnce: Device.OS === 'ios' ? Infinity : 3,

    async adopt(uri: string, name: string): Promise<number> {
      const copy = fileOf(name);
      await new File(uri).copy(copy, { overwrite: true });
      return copy.size;
    },

    async cut({ from, name, offset, length }: Piece): Promise<void> {
      const piece = fileOf(name);
      piece.create({ overwrite: true });
      const source = readable(fileOf(from)).open();
      const target = piece.open();
      try {
        source.offset = offset;
        for (let left = length; left > 0;) {
          const bytes = await source.readBytes(Math.min(CHUNK_BYTES, left));
          if (bytes.byteLength === 0) throw unreadable();
          await target.writeBytes(bytes);
          left -= bytes.byteLength;
        }
      } finally {
        source.close();
        target.close();
      }
    },

    async put({ name, url, headers, signal, onBytes }: FileRequest) {
      const task = readable(fileOf(name)).createUploadTask(url, {
        httpMethod: 'PUT',
        uploadType: UploadType.BINARY_CONTENT,
        sessionType: 'background',
        headers,
        signal,
        onProgress: ({ bytesSent }) => onBytes(bytesSent),
      });
      const { status, body } = await task.uploadAsync();
      return { status, text: body };
    },

    async remove(name: string): Promise<void> {
      removeIfThere(fileOf(name));
    },

    async names(): Promise<string[]> {
      return namesIn(folder).filter((name) => !name.endsWith(RECORD) && !name.endsWith(NEW_RECORD));
    },
  };
}

/** One JSON file for each upload, beside its copy. */
export function createExpoStore(folder: string): Store {
  const recordOf = (key: string) => new File(directoryOf(folder), `${key}${RECORD}`);
  const newRecordOf = (key: string) => new File(directoryOf(folder), `${key}${NEW_RECORD}`);

  return {
    async keys(): Promise<string[]> {
      const keys = namesIn(folder).flatMap((name) =>
        [RECORD, NEW_RECORD].flatMap((end) => (name.endsWith(end) ? [name.slice(0, -end.length)] : [])),
      );
      return [...new Set(keys)];
    },

    async read(key: string): Promise<string | undefined> {
      // To overwrite is to delete first: between the two there is only the new one.
      const record = [recordOf(key), newRecordOf(key)].find(({ exists }) => exists);
      return record?.text();
    },

    async write(key: string, text: string): Promise<void> {
      const next = newRecordOf(key);
      next.create({ overwrite: true });
      await next.write(text);
      await next.move(recordOf(key), { overwrite: true });
    },

    async remove(key: string): Promise<void> {
      removeIfThere(recordOf(key));
      removeIfThere(newRecordOf(key));
    },
  };
}

function directoryOf(folder: string): Directory {
  const directory = new Directory(Paths.document, folder);
  directory.create({ intermediates: true, idempotent: true });
  return directory;
}

function namesIn(folder: string): string[] {
  return directoryOf(folder)
    .list()
    .map(({ name }) => name);
}

function removeIfThere(file: File): void {
  if (file.exists) file.delete();
}

function readable(file: File): File {
  if (!file.exists) throw unreadable();
  return file;
}

function unreadable(): UploadError {
  const detail = 'The copy of the file on this device is gone';
  return new UploadError({ code: 'file_unreadable', status: 0, retryable: false, detail });
}
