/** Attaching a file that the person picks: what docs/clients.md shows. */
// docs: attach
import { File } from 'expo-file-system';
import { show } from './your-app.ts';
import { uploads } from './uploads.ts';

export async function attach(projectId: string, issueId: string): Promise<void> {
  const { result: file } = await File.pickFileAsync();
  if (file === null) return;
  const contentType = file.type || 'application/octet-stream';
  const { key, done } = await uploads.start({
    uri: file.uri,
    projectId,
    issueId,
    filename: file.name,
    contentType,
  });
  // If the app dies before, resumeAll goes on with it, and `onChange` tells.
  const outcome = await done;
  if (outcome.kind === 'refused') show(key, outcome.userMessage ?? outcome.code);
  if (outcome.kind === 'ended') {
    const { error, link, status } = outcome.upload;
    // A file that is too large for an attachment has ended as a link.
    show(key, error?.message ?? (link ? `${status}: ${link.url} until ${link.expiresAt}` : status));
  }
}

/** What this device has begun, with each one's outcome, until the person has read it. */
export async function showAll(): Promise<void> {
  for (const { key, about, outcome } of await uploads.list()) {
    show(key, `${about.filename}: ${outcome?.kind ?? 'on its way'}`);
  }
}
// docs: end
