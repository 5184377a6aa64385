/** The list of the user's uploads: newest first, a page at a time. It polls each open upload until it is final. */
import type { Api, Upload } from './api.ts';
import { byId } from '../../page/src/dom.ts';
import type { Voice } from './voice.ts';
import { follow } from './follow.ts';
import { createUploadRow } from './upload-row.ts';
import type { UploadRow } from './upload-row.ts';
import { errorInWords, isFinal, statusInWords } from './words.ts';

type Page = Awaited<ReturnType<Api['list']>>;

interface ListOptions {
  api: Api;
  voice: Voice;
  /** The state of an upload has changed. */
  onNews: (upload: Upload) => void;
}

/** Fills the list; `load` fills it anew. */
export function createList({ api, voice, onNews }: ListOptions) {
  const list = byId('uploads', HTMLUListElement);
  const empty = byId('uploads-empty', HTMLElement);
  const more = byId('more', HTMLButtonElement);
  const onlyOpen = byId('only-open', HTMLInputElement);
  /** Uploads from this page: their states are news, even when a reload of the list shows them first. */
  const own = new Set<string>();
  /** Sizes of the files from this page: Uppy tells the API the size of a multipart upload only at its end. */
  const sizes = new Map<string, number>();
  let rows = new Map<string, UploadRow>();
  /** What ends the polls of an upload. */
  let followed = new Map<string, AbortController>();
  let watch = new AbortController();
  let cursor: string | null = null;

  async function load(): Promise<void> {
    watch.abort();
    watch = new AbortController();
    const { signal } = watch;
    const before = new Set(rows.keys());
    const page = await ask(filter(), signal);
    if (page === undefined) return;
    const meanwhile = [...rows.values()].map((row) => row.upload()).filter(({ id }) => !before.has(id));
    rows = new Map();
    followed = new Map();
    list.replaceChildren();
    append(page);
    // The answer may be older than these.
    for (const upload of meanwhile) if (!rows.has(upload.id)) show(upload, 'first');
  }

  async function loadMore(): Promise<void> {
    const { signal } = watch;
    if (cursor === null) return;
    const page = await ask({ ...filter(), cursor }, signal);
    if (page !== undefined) append(page);
  }

  /** A page of the list; undefined, also after a failure, when a later call of `load` has aborted this one. */
  async function ask(query: Parameters<Api['list']>[0], signal: AbortSignal): Promise<Page | undefined> {
    try {
      const page = await api.list(query);
      return signal.aborted ? undefined : page;
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }

  function filter(): { state?: 'open' } {
    return onlyOpen.checked ? { state: 'open' } : {};
  }

  function append(page: Page): void {
    for (const upload of page.uploads) show(upload, 'last');
    cursor = page.nextCursor;
    more.hidden = cursor === null;
    empty.hidden = rows.size > 0;
  }

  function show(given: Upload, place: 'first' | 'last'): void {
    const upload = { ...given, size: given.size ?? sizes.get(given.id) ?? null };
    const shown = rows.get(upload.id);
    const before = shown?.upload().status;
    if (shown === undefined) {
      const row = createUploadRow(upload, (wish, of) => void act(wish, of));
      rows.set(upload.id, row);
      if (place === 'first') list.prepend(row.node);
      else list.append(row.node);
      empty.hidden = true;
    }
    shown?.show(upload);
    const isNews = before === undefined ? own.has(upload.id) : before !== upload.status;
    if (isNews) tell(upload);
    if (!isFinal(upload)) track(upload.id);
  }

  function track(id: string): void {
    if (followed.has(id)) return;
    const mine = followed;
    const end = new AbortController();
    mine.set(id, end);
    const signal = AbortSignal.any([watch.signal, end.signal]);
    void follow({ api, id, signal, onChange: (upload) => show(upload, 'first') }).finally(() => {
      if (mine.get(id) === end) mine.delete(id);
    });
  }

  function tell(upload: Upload): void {
    if (isFinal(upload)) voice.news(`${upload.filename}: ${statusInWords(upload)}`);
    onNews(upload);
  }

  async function act(wish: 'cancel' | 'retry', { id, filename }: Upload): Promise<void> {
    try {
      const upload = await (wish === 'cancel' ? api.cancel(id) : api.retry(id));
      // The list may be another one by now. Uppy has to give up a cancelled file all the same.
      if (!rows.has(id)) return onNews(upload);
      // An answer to an earlier poll may still come.
      followed.get(id)?.abort();
      followed.delete(id);
      show(upload, 'first');
    } catch (error) {
      voice.problem(`“${filename}”: ${errorInWords(error)}`);
    }
  }

  const guarded = (work: () => Promise<void>) => (): void => {
    work().catch((error: unknown) => voice.problem(`Your uploads cannot be shown: ${errorInWords(error)}`));
  };
  byId('reload', HTMLButtonElement).addEventListener('click', guarded(load));
  onlyOpen.addEventListener('change', guarded(load));
  more.addEventListener('click', guarded(loadMore));

  return {
    load: guarded(load),
    /** Puts an upload on top and follows it. */
    add(id: string, size: number | null): void {
      own.add(id);
      if (size !== null) sizes.set(id, size);
      const shown = rows.get(id)?.upload();
      if (shown !== undefined) tell(shown);
      track(id);
    },
  };
}
