import { afterEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createRandom } from '../../chaos/random.ts';
import { below, stopAtRandom } from '../../steady/disturb.ts';

const started: ChildProcess[] = [];

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

/** A process whose only child says its id and waits; both ids. */
async function startParent(): Promise<{ parent: number; child: number }> {
  const wait = 'console.log(process.pid); setInterval(() => {}, 1000)';
  const code = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(wait)}], { stdio: 'inherit' })`;
  const first = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(first);
  const [line]: string[] = (await once(first.stdout, 'data')).map(String);
  return { parent: Number(first.pid), child: Number(line) };
}

const isStopped = (pid: number): boolean => / T /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));

/** A signal takes effect a little later. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await delay(5);
}

describe('stopAtRandom', () => {
  it('stops a process below the given one, and all go on at its end', async () => {
    const { parent, child } = await startParent();
    const over = new AbortController();
    const stopping = stopAtRandom(parent, createRandom('steady'), {
      signal: over.signal,
      limits: { pauseMs: [1, 1], stopMs: [3_600_000, 3_600_000] },
    });

    await until(() => isStopped(child));
    over.abort();
    await until(() => !isStopped(child));

    expect(await stopping).toBe(1);
    expect(below(parent)).toEqual([child]);
    process.kill(child, 'SIGKILL');
  });
});
