import { expect, it } from '@jest/globals';
import { PerformanceObserver, constants } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { createCollector } from '../../../lib/runtime/garbage.ts';
import { MIB } from '../../../lib/domain/units.ts';

it('the young generation is cleared with every two MiB', async () => {
  const collections: object[] = [];
  const observer = new PerformanceObserver((list) => void collections.push(...list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  const collect = createCollector();
  const chunk = new Uint8Array(MIB);

  for (let passed = 0; passed < 20; passed += 1) collect(chunk);

  // Node reports a collection in a later round of the event loop.
  await setImmediate();
  collections.push(...observer.takeRecords());
  observer.disconnect();
  expect(collections.filter(isMinor).length).toBeGreaterThanOrEqual(10);
});

/** https://nodejs.org/docs/latest-v24.x/api/perf_hooks.html#garbage-collection-gc-details */
function isMinor(entry: object): boolean {
  const detail = 'detail' in entry ? entry.detail : undefined;
  if (typeof detail !== 'object' || detail === null || !('kind' in detail)) return false;
  return detail.kind === constants.NODE_PERFORMANCE_GC_MINOR;
}
