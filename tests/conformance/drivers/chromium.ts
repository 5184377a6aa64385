/** The TypeScript client in Chromium. */
import { drivePage } from './browser.ts';

await drivePage('upload-page.ts');
