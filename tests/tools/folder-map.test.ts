import { describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateFolderMap } from '../../tools/folder-map.ts';

describe('docs/architecture.md', () => {
  it('shows the folders of lib/ and the imports between them as they are', async () => {
    const document = await readFile(join(import.meta.dirname, '../../docs/architecture.md'), 'utf8');

    expect(await generateFolderMap()).toBe(document);
  });
});
