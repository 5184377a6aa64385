/**
 * Runs before each test file in a browser. While a test, or what stands before or after it, takes long, this prints where
 * each page and each process waits: jest prints nothing of a file before its end.
 */
import { afterAll, afterEach, beforeEach, expect } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { relative } from 'node:path';
import { below } from '../steady/disturb.ts';
import { openPages } from './visit.ts';
import type { WatchedPage } from './visit.ts';

const LONG_MS = 40_000;
/** A page that does not answer by then waits itself. */
const PAGE_MS = 2000;
/** Of a page's text, its end. */
const SHOWN_CHARACTERS = 300;

let watch = begin('what stands before the first test');

beforeEach(() => change(expect.getState().currentTestName ?? ''));
afterEach(() => change('what stands after a test'));
afterAll(() => clearInterval(watch));

function change(what: string): void {
  clearInterval(watch);
  watch = begin(what);
}

function begin(what: string): NodeJS.Timeout {
  const startedAt = Date.now();
  const file = relative(process.cwd(), expect.getState().testPath ?? '');
  const print = async (): Promise<void> => {
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(0);
    const lines = [`${file}: ${what} has taken ${seconds} s`, ...(await describePages()), ...processes()];
    process.stderr.write(`${lines.join('\n  ')}\n`);
  };
  return setInterval(() => void print(), LONG_MS).unref();
}

async function describePages(): Promise<string[]> {
  const described = await Promise.all([...openPages].map(describePage));
  return described.length === 0 ? ['no page is open'] : described;
}

async function describePage({ page, pending }: WatchedPage): Promise<string> {
  const read = page.evaluate<string>('document.body?.innerText ?? "no body"').catch(String);
  const text = await Promise.race([read, delay(PAGE_MS, 'it does not answer', { ref: false })]);
  const shown = text.slice(-SHOWN_CHARACTERS).replaceAll(/\s+/g, ' ');
  const waits = [...pending].map(([request, startedAt]) => {
    const { origin, pathname } = new URL(request.url());
    return `${request.method()} ${origin}${pathname} for ${Date.now() - startedAt} ms`;
  });
  return `page ${new URL(page.url()).pathname} waits for ${waits.join(', ') || 'nothing'} and shows: ${shown}`;
}

/** The state (S sleeps, R runs, T is stopped), where in the kernel it waits, and the CPU time of each process. */
function processes(): string[] {
  const kinds = Object.entries(Object.groupBy(process.getActiveResourcesInfo(), (kind) => kind));
  const own = `this process has ${kinds.map(([kind, all = []]) => `${all.length} ${kind}`).join(', ')}`;
  return [own, ...[process.pid, ...below(process.pid)].map(describeProcess)];
}

function describeProcess(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, ...numbers] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(numbers[10]) + Number(numbers[11]);
    const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    const type = /--type=\S+/.exec(line)?.[0] ?? line.slice(0, 60);
    return `process ${pid} ${state} in ${readFileSync(`/proc/${pid}/wchan`, 'utf8')}, ${ticks / 100} s of CPU: ${type}`;
  } catch {
    return `process ${pid} has ended`;
  }
}
