/** Background uploads in an app: what docs/clients.md shows. `npm run check:samples` checks it against the real packages. */
// docs: setup
import { createBackgroundUploads } from '@ipd-attachment-bridge/expo';
import { AppState } from 'react-native';
import { session, show } from './your-app.ts';

/** One for the whole app. It asks for a token before every call, also after days. */
export const uploads = createBackgroundUploads({
  apiUrl: 'https://uploads.example.com',
  token: () => session.freshToken(),
  language: Intl.DateTimeFormat().resolvedOptions().locale,
  onChange: (change) => {
    if (change.kind === 'progress') show(change.key, `${change.leg}: ${change.bytes} of ${change.total}`);
    if (change.kind === 'paused') show(change.key, 'Waits, and goes on by itself');
    if (change.kind === 'ended') show(change.key, change.outcome.kind);
  },
});

// At each start, and whenever the app comes to the foreground.
void uploads.resumeAll();
AppState.addEventListener('change', (state) => state === 'active' && void uploads.resumeAll());
// docs: end
