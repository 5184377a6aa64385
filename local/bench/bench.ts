/** Connects the parts of the page. */
import * as z from 'zod';
import { createApi } from './api.ts';
import type { Upload } from './api.ts';
import { createVoice } from './voice.ts';
import { createIdentity } from './identity.ts';
import { createList } from './list.ts';
import { createReceived, digestOf } from './received.ts';
import { createTransfers } from './transfers.ts';
import type { PickedFile, UppyKit } from './uppy.ts';
import { errorInWords } from './words.ts';

const settingsSchema = z.object({ apiUrl: z.string(), tokenUrl: z.string(), ipdAdminUrl: z.string() });

/** Starts the page with one version of Uppy. */
export function startPage(kit: UppyKit): void {
  document.querySelector(`.versions [data-uppy=${kit.id}]`)?.setAttribute('aria-current', 'page');
  const voice = createVoice();
  run(kit, voice).catch((error: unknown) => voice.problem(errorInWords(error)));
}

async function run(kit: UppyKit, voice: ReturnType<typeof createVoice>): Promise<void> {
  const settings = settingsSchema.parse(await (await fetch('/bench/settings.json')).json());
  const { apiUrl, tokenUrl, ipdAdminUrl } = settings;
  const identity = createIdentity({ tokenUrl, onChange });
  const api = createApi({ apiUrl, token: () => identity.token() });
  const received = createReceived({ ipdAdminUrl });
  const sent = new Map<string, Blob>();
  const list = createList({ api, voice, onNews: (upload) => void react(upload) });
  const onBegun = (id: string, { size }: PickedFile): void => list.add(id, size);
  const transfers = createTransfers({ kit, apiUrl, api, identity, voice, onBegun, onStored });

  function onChange(): void {
    list.load();
    transfers.retarget();
  }

  function onStored(id: string, { data, size }: PickedFile): void {
    if (data instanceof Blob) sent.set(id, data);
    list.add(id, size);
  }

  async function react({ id, status, attachment }: Upload): Promise<void> {
    if (status === 'cancelled' || status === 'expired') transfers.drop(id);
    if (status !== 'delivered') return;
    const file = sent.get(id);
    // The digest needs the whole file in memory: IPD takes as attachments only what fits there.
    if (file !== undefined && attachment?.id) received.expect(attachment.id, await digestOf(file));
    await received.load();
  }

  list.load();
  void received.load();
  const { maxFileBytes } = await api.limits();
  transfers.limitTo(maxFileBytes);
}
