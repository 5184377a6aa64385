import { expect, it } from '@jest/globals';
import { PerformanceObserver, constants } from 'node:perf_hooks';
import { createCollector } from '../../../lib/runtime/garbage.ts';
import { MIB } from '../../../lib/domain/units.ts';

it('the young generation is cleared with every two MiB', async () => {
  let cleared = 0;
  const seen = Promise.withResolvers<void>();
  const observer = new PerformanceObserver((list) => {
    cleared += list.getEntries().filter(isMinor).length;
    if (cleared >= 10) seen.resolve();
  });
  observer.observe({ entryTypes: ['gc'] });
  const collect = createCollector();
  const chunk = new Uint8Array(MIB);

  for (let passed = 0; passed < 20; passed += 1) collect(chunk);

  await seen.promise;
  observer.disconnect();
  expect(cleared).toBeGreaterThanOrEqual(10);
});

/** https://nodejs.org/docs/latest-v24.x/api/perf_hooks.html#garbage-collection-gc-details */
function isMinor(entry: object): boolean {
  const detail = 'detail' in entry ? entry.detail : undefined;
  if (typeof detail !== 'object' || detail === null || !('kind' in detail)) return false;
  return detail.kind === constants.NODE_PERFORMANCE_GC_MINOR;
}
