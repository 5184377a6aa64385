import { describe, expect, it } from '@jest/globals';
import { execFileSync, fork, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { get } from 'node:http';
import { connect, createServer } from 'node:net';
import { takeRefused } from '../support/no-sockets.ts';

describe('a test under tests/unit', () => {
  it.each<[deed: string, how: string, () => unknown]>([
    ['opens a socket', 'net', () => connect(1, '127.0.0.1')],
    ['opens a socket', 'http', () => get('http://127.0.0.1:1')],
    ['opens a socket', 'dgram', () => createSocket('udp4').unref().bind()],
    ['listens on a socket', 'net', () => createServer().listen(0)],
    ['starts a process', 'spawn', () => spawn('true')],
    ['starts a process', 'fork', () => fork('none.js')],
    ['starts a process', 'spawnSync', () => spawnSync('true')],
    ['starts a process', 'execFileSync', () => execFileSync('true')],
  ])('fails when it %s: %s', (deed, _how, act) => {
    const sentence = `a test under tests/unit or tests/rules ${deed}: it belongs to tests/integration`;

    expect(act).toThrow(sentence);

    expect(takeRefused()).toEqual([sentence]);
  });

  it('fails too when the code under test has caught the error', async () => {
    await expect(fetch('http://127.0.0.1:9999')).rejects.toThrow('fetch failed');

    expect(takeRefused()).toEqual([
      'a test under tests/unit or tests/rules opens a socket: it belongs to tests/integration',
    ]);
  });
});
