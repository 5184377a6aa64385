import { expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateTypes } from '../../tools/openapi-types.ts';
import { source } from '../support/contract.ts';

it('the types of the client are those that openapi.yaml makes', async () => {
  const types = await readFile(join(import.meta.dirname, '../../packages/client/src/types.ts'), 'utf8');

  expect(types).toBe(await generateTypes(source));
});
