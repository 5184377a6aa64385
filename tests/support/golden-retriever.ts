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

/** For a page to evaluate: whether it has a text about a file, and the file's bytes or no more. */
export function remembers(text: string, { bytes }: { bytes: boolean }): string {
  return `${REMEMBERED}(${JSON.stringify(text)}, ${bytes})`;
}
