/**
 * What packages/expo uses of expo-file-system 58, over real files and HTTP, as its page describes it:
 * https://docs.expo.dev/versions/latest/sdk/filesystem/. What it does not promise to do at once it does later, and what it
 * does not allow throws.
 */
import { mkdirSync, openSync, readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { close, read, write } from 'node:fs';
import { copyFile, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

type Place = string | Directory;
type UploadOptions = {
  httpMethod: string;
  uploadType: number;
  sessionType: string;
  headers: Record<string, string>;
  signal: AbortSignal;
  onProgress: (progress: { bytesSent: number; totalBytes: number }) => void;
};

/** The phone under test. */
export const device = {
  documents: '',
  isFull: false,
  /** How many bytes each read asked for. */
  reads: [] as number[],
};

export const UploadType = { BINARY_CONTENT: 0, MULTIPART: 1 } as const;

export const Paths = {
  get document(): Directory {
    return new Directory(device.documents);
  },
};

export class Directory {
  readonly path: string;

  constructor(...places: Place[]) {
    this.path = pathOf(places);
  }

  create({ intermediates = false, idempotent = false } = {}): void {
    if (statSync(this.path, { throwIfNoEntry: false }) !== undefined && !idempotent) {
      throw new Error(`${this.path} exists already`);
    }
    mkdirSync(this.path, { recursive: intermediates });
  }

  list(): File[] {
    return readdirSync(this.path).map((name) => new File(this, name));
  }
}

export class File {
  private path: string;

  constructor(...places: Place[]) {
    this.path = pathOf(places);
  }

  get name(): string {
    return basename(this.path);
  }

  get exists(): boolean {
    return statSync(this.path, { throwIfNoEntry: false }) !== undefined;
  }

  get size(): number {
    return statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
  }

  create({ overwrite = false } = {}): void {
    writeFileSync(this.path, '', { flag: overwrite ? 'w' : 'wx' });
  }

  delete(): void {
    unlinkSync(this.path);
  }

  open(): FileHandle {
    return new FileHandle(openSync(this.path, 'r+'));
  }

  async text(): Promise<string> {
    return readFile(this.path, 'utf8');
  }

  async write(text: string): Promise<void> {
    await setImmediate();
    if (device.isFull) throw new Error('No space is left on the device');
    await writeFile(this.path, text);
  }

  async copy(target: File, { overwrite = false } = {}): Promise<void> {
    await setImmediate();
    if (target.exists && !overwrite) throw new Error(`${target.path} exists already`);
    await copyFile(this.path, target.path);
  }

  async move(target: File, { overwrite = false } = {}): Promise<void> {
    await setImmediate();
    if (target.exists && !overwrite) throw new Error(`${target.path} exists already`);
    await rename(this.path, target.path);
    this.path = target.path;
  }

  createUploadTask(url: string, { uploadType, sessionType, signal, ...options }: UploadOptions) {
    if (uploadType !== UploadType.BINARY_CONTENT) throw new Error('Storage takes no form');
    if (sessionType !== 'background') throw new Error('The system sends nothing while the app sleeps');
    const { httpMethod: method, headers, onProgress } = options;
    return {
      uploadAsync: async () => {
        const body = readFileSync(this.path);
        const answer = await fetch(url, { method, headers, body, signal });
        onProgress({ bytesSent: body.length, totalBytes: body.length });
        return { status: answer.status, body: await answer.text() };
      },
    };
  }
}

class FileHandle {
  offset = 0;
  private readonly descriptor: number;
  private isClosed = false;

  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  async readBytes(length: number): Promise<Uint8Array> {
    device.reads.push(length);
    await setImmediate();
    this.check();
    const at = this.offset;
    const { bytesRead, buffer } = await promisify(read)(this.descriptor, Buffer.alloc(length), 0, length, at);
    this.offset = at + bytesRead;
    return buffer.subarray(0, bytesRead);
  }

  async writeBytes(bytes: Uint8Array): Promise<void> {
    const at = this.offset;
    this.offset += bytes.byteLength;
    await setImmediate();
    this.check();
    await promisify(write)(this.descriptor, bytes, 0, bytes.byteLength, at);
  }

  close(): void {
    this.isClosed = true;
    close(this.descriptor);
  }

  private check(): void {
    if (this.isClosed) throw new Error('The handle is closed');
  }
}

function pathOf(places: Place[]): string {
  const [first = '', ...rest] = places.map((place) => (typeof place === 'string' ? place : place.path));
  return join(first.startsWith('file:') ? fileURLToPath(first) : first, ...rest);
}
