/** Directories and files that only the user who runs the stack may read. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';

/** Makes what is missing, and closes to others what an earlier version left open. */
export async function makePrivateDirectory(path: string): Promise<string> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
  return path;
}

/** The mode counts only for a new file, so one that is there gets it first. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  await chmod(path, 0o600).catch(() => undefined);
  await writeFile(path, text, { mode: 0o600 });
}
