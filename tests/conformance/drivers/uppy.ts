/** Uppy 6 with the plugin, in Chromium. */
import { drivePage } from './browser.ts';

await drivePage('uppy-page.ts');
