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
  const digests = new Map<string, Promise<string>>();
  let maxAttachmentBytes = 0;
  const list = createList({ api, voice, onNews: (upload) => void react(upload) });
  const onBegun = (id: string, { size }: PickedFile): void => list.add(id, size);
  const transfers = createTransfers({ kit, apiUrl, api, identity, voice, onBegun, onStored });

  function onChange(): void {
    list.load();
    transfers.retarget();
  }

  function onStored(id: string, { data, size }: PickedFile): void {
    // The digest needs the whole file in memory, and only attachments are compared.
    if (data instanceof Blob && data.size <= maxAttachmentBytes) digests.set(id, digestOf(data));
    list.add(id, size);
  }

  async function react({ id, status, attachment }: Upload): Promise<void> {
    if (status === 'cancelled' || status === 'expired') transfers.drop(id);
    if (status !== 'delivered') return;
    const digest = await digests.get(id);
    if (digest !== undefined && attachment?.id) received.expect(attachment.id, digest);
    await received.load();
  }

  list.load();
  void received.load();
  const limits = await api.limits();
  ({ maxAttachmentBytes } = limits);
  transfers.limitTo(limits.maxFileBytes);
}
