/** One scenario with one client: its lives, kills and network, and what is wrong in the end. */
import { createHash, randomBytes } from 'node:crypto';
import { readdir, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { judge, judgeRequests } from './checks.ts';
import { isEvent, startClient } from './client-process.ts';
import type { ClientProcess } from './client-process.ts';
import type { Exchange } from './exchange.ts';
import { startLines } from './line.ts';
import type { Lines } from './line.ts';
import { nameOf } from './protocol.ts';
import type { Capability, ClientEvent, Finished } from './protocol.ts';
import { THREE_PARTS } from './scenario.ts';
import type { Point, Scenario } from './scenario.ts';
import type { Station } from './station.ts';

export type Result = {
  scenario: Scenario;
  /** `skipped`: the client is not able to what the scenario needs. `not reached`: the step did not come in this run. */
  kind: 'passed' | 'failed' | 'skipped' | 'not reached';
  faults: readonly string[];
  kills: number;
  events: readonly ClientEvent[];
  exchanges: readonly Exchange[];
};

type Work = {
  scenario: Scenario;
  station: Station;
  commandLine: readonly string[];
};

type Life = { client: ClientProcess; can: readonly Capability[] };

const REFUSED_BY_IPD = { kind: 'noPermission' };
const isStarted = isEvent('started');
const isFinished = isEvent('finished');
const isPaused = isEvent('paused');

/** Runs the scenario from an empty state to the client's end; leaves nothing behind. */
export async function runTrial({ scenario, station, commandLine }: Work): Promise<Result> {
  const { size = THREE_PARTS, clockAheadMs = 0, rules = [], kills = [] } = scenario;
  const item = station.open();
  const directory = await mkdtemp(join(tmpdir(), 'conformance-'));
  const [state, file] = [join(directory, 'state'), join(directory, 'file')];
  const bytes = randomBytes(size);
  await mkdir(state);
  await writeFile(file, bytes);
  if (scenario.ipd === 'no such work item') await item.removeIssue();
  if (scenario.ipd === 'refuses files') await item.refuseFiles(REFUSED_BY_IPD);
  const { apiUrl, s3Url } = station;
  const lines = await startLines({ apiUrl, s3Url, origin: item.origin, rules, mint: item.mint });
  const environment = {
    API_URL: lines.apiUrl,
    TOKEN_URL: lines.tokenUrl,
    FILE: file,
    FILENAME: 'holiday.mp4',
    CONTENT_TYPE: 'video/mp4',
    PROJECT_ID: item.projectId,
    ISSUE_ID: item.issueId,
    STATE_DIRECTORY: state,
    ORIGIN: item.origin,
    CLOCK_AHEAD_MS: String(clockAheadMs),
  };
  const events: ClientEvent[] = [];
  const lives: number[] = [];
  let present: ClientProcess | undefined;
  let killed = 0;
  const result = (kind: Result['kind'], faults: string[] = []): Result => ({
    scenario,
    kind,
    faults,
    kills: killed,
    events,
    exchanges: lines.exchanges,
  });

  async function live(): Promise<Life> {
    lines.begin();
    const client = startClient(commandLine, environment);
    present = client;
    const started = await client.waitFor(isStarted);
    lives.push(performance.now());
    return { client, can: started?.can ?? [] };
  }

  async function die({ client }: Life): Promise<void> {
    await client.kill();
    events.push(...client.events);
    killed += 1;
    await lines.quiet();
  }

  /** A new life that goes on; answers undefined when it has nothing to do, since IPD has the file. */
  async function resume(): Promise<Life | undefined> {
    const life = await live();
    const { client } = life;
    client.send({ command: 'resume' });
    // Undefined where its first request stands still: then it has something to do, and no word to say before.
    const first = await unlessStopped(client, lines, (said): said is ClientEvent => !isStarted(said));
    if (first?.event !== 'nothing') return life;
    if ((await item.received()).length > 0) return undefined;
    client.send({ command: 'upload' });
    return life;
  }

  async function run(): Promise<Result> {
    let life: Life | undefined = await live();
    if (scenario.needs && !life.can.includes(scenario.needs)) {
      await life.client.exit();
      return result('skipped', [`it cannot ${scenario.needs}`]);
    }
    life.client.send({ command: 'upload' });
    for (const point of kills) {
      if (!life || !(await reach(point, life.client, lines))) break;
      await die(life);
      if (scenario.expireWhileDead) {
        lines.expire('urls');
        lines.expire('tokens');
      }
      life = await resume();
    }
    if (life && scenario.isOffline) await beOffline(life, lines);
    if (life && scenario.isCancelled) {
      await lines.until(lines.hasStopped);
      life.client.send({ command: 'cancel' });
    }
    const finished: Finished | undefined = await life?.client.waitFor(isFinished);
    await present?.exit();
    events.push(...(present?.events ?? []));
    await lines.quiet();

    const left = [
      ...(await readdir(state)),
      ...events.flatMap((said) => (said.event === 'left' ? said.items : [])),
    ];
    const faults = judge({
      ends: scenario.ends,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      exchanges: lines.exchanges,
      lives,
      finished,
      remains: await item.remains(),
      left: left.filter((name) => name !== 'platform'),
    });
    if (scenario.isOffline && life?.can.includes('pause') && !events.some(isPaused)) {
      faults.push('said nothing of the pause');
    }
    if (faults.length > 0) return result('failed', faults);
    return result(kills.length > 0 && killed === 0 ? 'not reached' : 'passed');
  }

  try {
    return await run();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return result('failed', [reason, ...judgeRequests({ exchanges: lines.exchanges, lives })]);
  } finally {
    await present?.kill();
    await lines.close();
    await rm(directory, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** Waits until the client is at the point; answers false when it ends without coming there. */
async function reach(point: Point, client: ClientProcess, lines: Lines): Promise<boolean> {
  if (point !== 'stop') {
    const said = await client.waitFor(
      (one): one is ClientEvent => isFinished(one) || nameOf(one) === point.event,
    );
    return said !== undefined && nameOf(said) === point.event;
  }
  await unlessStopped(client, lines, isFinished);
  return lines.hasStopped();
}

/** The first event that fits; undefined when a request stands still before that. */
async function unlessStopped<E extends ClientEvent>(
  client: ClientProcess,
  lines: Lines,
  fits: (said: ClientEvent) => said is E,
): Promise<E | undefined> {
  const stop = new AbortController();
  const stopped = lines.until(lines.hasStopped, stop.signal).then(() => stop.abort());
  try {
    return await client.waitFor(fits, stop.signal);
  } finally {
    stop.abort();
    await stopped;
  }
}

/** No network from the stop on; it comes back when the client has said that it waits, or else has tried again. */
async function beOffline({ client, can }: Life, lines: Lines): Promise<void> {
  await lines.until(lines.hasStopped);
  const before = lines.exchanges.length;
  if (can.includes('network')) client.send({ command: 'network', online: false });
  lines.cut();
  if (can.includes('pause')) await client.waitFor(isPaused);
  else await lines.until(() => lines.exchanges.length > before);
  lines.restore();
  if (can.includes('network')) client.send({ command: 'network', online: true });
}
