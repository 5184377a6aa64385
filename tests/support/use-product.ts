/**
 * The product of a test file, as `useWorld` is its world: it starts while jest loads the file, has an empty IPD without
 * faults after each test, and is stopped after the last.
 */
import { afterAll, afterEach } from '@jest/globals';
import { startProduct, startProductOnStorage } from './product-stack.ts';
import type { Product, ProductOnStorage } from './product-stack.ts';

export async function useProduct(options?: Parameters<typeof startProduct>[0]): Promise<Product> {
  return attend(await startProduct(options));
}

export async function useProductOnStorage(
  ...settings: Parameters<typeof startProductOnStorage>
): Promise<ProductOnStorage> {
  return attend(await startProductOnStorage(...settings));
}

function attend<P extends Product>(product: P): P {
  afterEach(() => product.resetIpd());
  afterAll(() => product.stop());
  return product;
}
