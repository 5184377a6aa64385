/** Files that are dropped anywhere on the page. Without this a browser would leave the page and open the file. */

type DropOptions = {
  /** Shows that files may be dropped while they are over the page. */
  zone: HTMLElement;
  onFiles: (files: File[]) => void;
  onFolder: () => void;
};

/** Takes files that are dropped on the page from now on. */
export function followDrops({ zone, onFiles, onFolder }: DropOptions): void {
  /** An element is entered before the one around it is left. */
  let depth = 0;
  const show = (change: number) => (event: DragEvent) => {
    if (!hasFiles(event)) return;
    depth = Math.max(0, depth + change);
    zone.classList.toggle('over', depth > 0);
  };
  document.addEventListener('dragenter', show(1));
  document.addEventListener('dragleave', show(-1));
  document.addEventListener('dragover', (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  document.addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    zone.classList.remove('over');
    const items = [...(event.dataTransfer?.items ?? [])];
    const folders = items.filter((item) => item.webkitGetAsEntry()?.isDirectory === true);
    if (folders.length > 0) return onFolder();
    onFiles([...(event.dataTransfer?.files ?? [])]);
  });
}

function hasFiles({ dataTransfer }: DragEvent): boolean {
  return dataTransfer?.types.includes('Files') === true;
}
