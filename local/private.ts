/** Directories and files that only the user who runs the stack may read. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';

/** Makes the directory if it is missing, and takes the rights of other users away from one that is there. */
export async function makePrivateDirectory(path: string): Promise<string> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
  return path;
}

/** `writeFile` sets the mode only of a new file, so this first changes the mode of one that is there. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  await chmod(path, 0o600).catch(() => undefined);
  await writeFile(path, text, { mode: 0o600 });
}
