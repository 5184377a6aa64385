/**
 * Runs with every test file. A test under tests/unit or tests/rules fails when anything in it connects a socket, listens
 * on one, or starts a process: what needs one belongs to tests/integration.
 */
import { afterAll, afterEach, expect } from '@jest/globals';
import { join, sep } from 'node:path';

type Guarded = { owner: object; method: string; deed: string };

const ORIGINAL = Symbol.for('what a guard against sockets stands for');
const WITHOUT_SOCKETS = ['unit', 'rules'].map((folder) => join(import.meta.dirname, '..', folder) + sep);

// Not imported: a module that a test file imports by name is a copy of what it holds when it is first imported.
const net = process.getBuiltinModule('node:net');
const dgram = process.getBuiltinModule('node:dgram');
const children = process.getBuiltinModule('node:child_process');

const guarded: Guarded[] = [
  { owner: net.Socket.prototype, method: 'connect', deed: 'opens a socket' },
  { owner: net.Server.prototype, method: 'listen', deed: 'listens on a socket' },
  { owner: dgram.Socket.prototype, method: 'bind', deed: 'opens a socket' },
  { owner: children.ChildProcess.prototype, method: 'spawn', deed: 'starts a process' },
  { owner: children, method: 'spawnSync', deed: 'starts a process' },
  { owner: children, method: 'execSync', deed: 'starts a process' },
  { owner: children, method: 'execFileSync', deed: 'starts a process' },
];

let refused: string[] = [];

/** What has been refused since the last call; what is taken here fails no test. */
export function takeRefused(): string[] {
  const taken = refused;
  refused = [];
  return taken;
}

for (const one of guarded) guard(one);
if (isGuarded()) {
  // The code under test may have caught the error.
  afterEach(failOnRefused);
  afterAll(failOnRefused);
}

function isGuarded(): boolean {
  const { testPath = '' } = expect.getState();
  return WITHOUT_SOCKETS.some((folder) => testPath.startsWith(folder));
}

/** Makes the method throw; or work again, where an earlier test file of this process was guarded. */
function guard({ owner, method, deed }: Guarded): void {
  const present: object = Reflect.get(owner, method);
  const original: unknown = Reflect.get(present, ORIGINAL) ?? present;
  const refuse = (): never => {
    const sentence = `a test under tests/unit or tests/rules ${deed}: it belongs to tests/integration`;
    refused.push(sentence);
    throw new Error(sentence);
  };
  Reflect.set(owner, method, isGuarded() ? Object.assign(refuse, { [ORIGINAL]: original }) : original);
}

function failOnRefused(): void {
  const [sentence] = takeRefused();
  if (sentence !== undefined) throw new Error(sentence);
}
