/** `npm pack` runs it in a package's folder: compiles `src` anew into `dist`, as the package's tsconfig.json says. */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { installTools } from './install.ts';

installTools();
rmSync('dist', { recursive: true, force: true });
const compiler = join(import.meta.dirname, 'node_modules/typescript/bin/tsc');
const { status } = spawnSync(process.execPath, [compiler], { stdio: 'inherit' });
process.exitCode = status ?? 1;
