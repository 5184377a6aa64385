import { describe, expect, it } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const LARGEST_BYTES = 4_500;

describe('the client as a page loads it', () => {
  it('is one small file, and one more that only a request without an answer loads', async () => {
    const { outputFiles, metafile } = await build({
      entryPoints: ['packages/client/src/client.ts'],
      bundle: true,
      splitting: true,
      outdir: 'page',
      minify: true,
      format: 'esm',
      platform: 'neutral',
      target: 'es2022',
      write: false,
      metafile: true,
    });

    const [core, ...others] = outputFiles;
    const imports = Object.values(metafile.outputs).map((output) => output.imports.map(({ kind }) => kind));
    expect(imports).toEqual([['dynamic-import'], []]);
    expect(others).toHaveLength(1);
    expect(gzipSync(core?.contents ?? '').length).toBeLessThanOrEqual(LARGEST_BYTES);
    for (const { text } of outputFiles) expect(text).not.toMatch(/\brequire\s*\(|\bprocess\b|\bBuffer\b/);
  });
});
