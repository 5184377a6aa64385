/**
 * Suites of Uppy without the project's plugin. It can send nothing but the ticket in the path, so where the tests run with
 * PUBLIC_ROUTES=off these suites are skipped. Each says why: jest prints nothing of a file that it skips as a whole.
 */
import { describe } from '@jest/globals';

const WITHOUT = 'PUBLIC_ROUTES=off leaves out the routes of stock Uppy, which can send no token';

const hasRoutes = process.env['PUBLIC_ROUTES'] !== 'off';
const run = hasRoutes ? describe : describe.skip;

export function describeStockUppy(title: string, body: () => void): void {
  if (!hasRoutes) process.stdout.write(`skipped: ${title}: ${WITHOUT}\n`);
  run(title, body);
}

/** One suite for each version, whose number takes the place of `%d` in the title. */
describeStockUppy.each =
  <V extends number>(versions: readonly V[]) =>
  (title: string, body: (version: V) => void): void => {
    for (const version of versions)
      describeStockUppy(title.replace('%d', String(version)), () => body(version));
  };
