/** Jest's global setup. */
import { installTools } from '../../tools/install.ts';
import { makeCompileCache } from './compile-cache.ts';

export default async function setUp(): Promise<void> {
  installTools();
  await makeCompileCache();
}
