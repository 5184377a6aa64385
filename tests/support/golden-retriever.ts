import type { Page } from 'playwright-core';

/** What Uppy's Golden Retriever has written down in a page, in the place of either version: a page cannot be left before. */
const REMEMBERED = `(async (text, hasBytes) => {
  const open = (name) => new Promise((resolve, reject) => {
    const request = indexedDB.open(name);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const all = (db, store) => new Promise((resolve) => {
    if (!db.objectStoreNames.contains(store)) return resolve([]);
    const request = db.transaction([store]).objectStore(store).getAll();
    request.onsuccess = () => resolve(request.result);
  });
  const names = (await indexedDB.databases()).map(({ name }) => name);
  const stores = await Promise.all(names.map(async (name) => {
    const db = await open(name);
    const found = { files: await all(db, 'files'), notes: await all(db, 'metadata') };
    db.close();
    return found;
  }));
  const notes = [...stores.flatMap((store) => store.notes.map(({ metadata }) => metadata)), ...Object.values(localStorage)];
  return stores.some((store) => store.files.length > 0) === hasBytes && notes.join().includes(text);
})`;

/** How a page has Golden Retriever write down its state: a change of any file's metadata. */
const WRITE_AGAIN = (name: string) => `uppy.setFileMeta(uppy.getFiles()[0].id, { written: '${name}' })`;

/**
 * Resolves when the page's notes have been written once more after they had this text. The last write of a
 * page that is left was seen to be lost in Chromium, though it had been read before: what the test needs is then in the
 * write before.
 */
export async function rememberFirmly(page: Page, text: string, files: { bytes: boolean }): Promise<void> {
  await page.waitForFunction(remembers(text, files));
  for (const name of ['once', 'twice']) {
    await page.evaluate(WRITE_AGAIN(name));
    await page.waitForFunction(remembers(`"written":"${name}"`, files));
  }
}

/** For a page to evaluate: whether it has a text about a file, and the file's bytes or no more. */
export function remembers(text: string, { bytes }: { bytes: boolean }): string {
  return `${REMEMBERED}(${JSON.stringify(text)}, ${bytes})`;
}
