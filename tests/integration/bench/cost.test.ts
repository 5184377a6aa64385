import { describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { prices } from '../../../bench/prices.ts';
import { runCommandLine } from '../../support/run-command.ts';

const amounts = z.record(z.string(), z.number());
const output = z.object({
  uploads: z.literal(1000),
  sizes: z.array(z.object({ mib: z.number(), parts: amounts, total: z.number() })),
  variants: z.array(z.object({ name: z.string(), totals: z.array(z.number()) })),
  links: z.array(z.object({ mib: z.number(), kept: z.number(), download: z.number(), refusal: z.number() })),
  idleMonth: amounts,
});
const cost = (...args: string[]) => runCommandLine('bench/cost.ts', args).ended;

describe('npm run cost', () => {
  it('prints the tables that docs/cost.md shows', async () => {
    const document = await readFile('docs/cost.md', 'utf8');

    const { code, stdout } = await cost();

    expect(code).toBe(0);
    expect(document).toContain(`<!-- npm run cost -->\n\n${stdout.join('\n')}\n\n<!-- end -->`);
  });

  it('adds up', async () => {
    const { stdout } = await cost('--json');

    const figures = output.parse(JSON.parse(stdout.at(-1) ?? ''));
    expect(figures.sizes.map(({ mib }) => mib)).toEqual([1, 10, 50]);
    for (const { parts, total } of figures.sizes) {
      const sum = Object.values(parts).reduce((all, amount) => all + amount, 0);
      expect(sum).toBeCloseTo(total, 10);
      expect(Object.values(parts).every((amount) => amount > 0)).toBe(true);
    }
    expect(figures.variants[0]?.totals).toEqual(figures.sizes.map(({ total }) => total));
  });

  it('bills what leaves for IPD by the gigabyte: 50 MiB a thousand times', async () => {
    const { stdout } = await cost('--json');

    const { sizes: bySize } = output.parse(JSON.parse(stdout.at(-1) ?? ''));
    const out = bySize.at(-1)?.parts['transfer out'] ?? 0;
    expect(out).toBeGreaterThan(((50 * 1000) / 1024) * 0.09);
    expect(out).toBeLessThan(((50 * 1000) / 1024) * 0.09 * 1.01);
  });

  it('bills a linked file for its year in storage and for each download, and a refusal for next to nothing', async () => {
    const { stdout } = await cost('--json');

    const { links } = output.parse(JSON.parse(stdout.at(-1) ?? ''));
    const { kept = 0, download = 0, refusal = 0 } = links.find(({ mib }) => mib === 300) ?? {};
    const gigabytes = (300 * 1000) / 1024;
    expect(kept).toBeGreaterThan(gigabytes * 0.023 * 12);
    expect(kept).toBeLessThan(gigabytes * 0.023 * 12 + 0.5);
    expect(download).toBeGreaterThan(gigabytes * 0.09);
    expect(download).toBeLessThan(gigabytes * 0.09 * 1.01);
    expect(refusal).toBeLessThan(0.01);
  });

  it('refuses what it does not know', async () => {
    const { code, stderr } = await cost('--cheap');

    expect(code).toBe(2);
    expect(stderr.join('\n')).toContain('npm run cost [-- options]');
  });

  it('names the source of every price', () => {
    for (const { dollars, per, unit, source } of Object.values(prices)) {
      expect(dollars / per).toBeGreaterThan(0);
      expect(unit).not.toBe('');
      expect(source).toMatch(/^https:\/\/aws\.amazon\.com\/[\w-]+\/.*pricing\//);
    }
  });
});
