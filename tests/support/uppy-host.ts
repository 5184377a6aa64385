/** Uppy's side and the client's side of the plugin's modules, in memory. */
import type { Client, Upload } from '../../packages/client/src/client.ts';
import type { Host, PickedFile } from '../../packages/uppy/src/host.ts';

/** An Uppy with these files, what it was asked to show, and what it has said. */
export function listening(...files: PickedFile[]) {
  const present = new Map(files.map((file) => [file.id, file]));
  const events: unknown[][] = [];
  const said: unknown[][] = [];
  const logged: unknown[][] = [];
  const waiting: (() => void)[] = [];
  const host: Host = {
    emit: (...event) => void events.push(event),
    once: (_event, listener) => waiting.push(listener),
    getFile: (id) => present.get(id),
    setFileState(id, state) {
      const file = present.get(id);
      if (file !== undefined) present.set(id, { ...file, ...state });
    },
    info: (...message) => void said.push(message),
    log: (...line) => void logged.push(line),
  };
  return {
    host,
    events,
    said,
    logged,
    file: (id: string) => present.get(id),
    remove: (id: string) => present.delete(id),
    goOnline: () => {
      for (const listener of waiting.splice(0)) listener();
    },
  };
}

/** An upload in this state. */
export function uploadIn(status: string, more: object = {}): Upload {
  const delivery = { endsAs: 'attachment', attempts: 0, bytesSent: 0 };
  return Object.assign(Object.create(null), { id: 'u', status, size: 10, delivery }, more);
}

/** A client whose calls answer so, one after the other: at first with an error, where one is given. */
export function answering({ status = [], cancel = [] }: { status?: (string | Error)[]; cancel?: Error[] }) {
  const calls: string[] = [];
  const client: Client = Object.assign(Object.create(null), {
    status: async (id: string): Promise<Upload> => {
      calls.push(`status ${id}`);
      const next = status.shift() ?? 'staged';
      if (next instanceof Error) throw next;
      return uploadIn(next);
    },
    cancel: async (id: string): Promise<Upload> => {
      calls.push(`cancel ${id}`);
      const next = cancel.shift();
      if (next !== undefined) throw next;
      return uploadIn('cancelled');
    },
  });
  return { client, calls };
}
