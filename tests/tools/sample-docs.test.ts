import { describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateSampleDocs } from '../../tools/sample-docs.ts';

describe('docs/clients.md', () => {
  it('shows the samples as they are', async () => {
    const document = await readFile(join(import.meta.dirname, '../../docs/clients.md'), 'utf8');

    expect(await generateSampleDocs()).toBe(document);
  });
});
