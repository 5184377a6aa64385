import { describe, expect, it } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const LARGEST_BYTES = 4_500;

describe('the client as a page loads it', () => {
  it('is one small file that imports nothing', async () => {
    const { outputFiles, metafile } = await build({
      entryPoints: ['packages/client/src/client.ts'],
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'neutral',
      target: 'es2020',
      write: false,
      metafile: true,
    });

    expect(outputFiles).toHaveLength(1);
    expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).toEqual([]);
    expect(gzipSync(outputFiles[0]?.contents ?? '').length).toBeLessThan(LARGEST_BYTES);
    expect(outputFiles[0]?.text).not.toMatch(/\b(?:import|require)\s*\(|\bprocess\b|\bBuffer\b/);
  });
});
