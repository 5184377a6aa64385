/**
 * The way of one container to the fake IPD: one connection an exchange, byte streams in both directions, and the fault
 * that the random source chooses for each request. It carries bytes and never reads them.
 */
import type { Ipd } from '../../local/ipd/ipd.ts';
import { findRoute } from '../../local/ipd/routes.ts';
import type { Chunks, Operation } from '../../local/ipd/types.ts';
import type { Send, WireAnswer, WireRequest } from '../../lib/ipd/wire.ts';
import type { Container } from './container.ts';
import type { Faults } from './faults.ts';
import { faultOf, fits, refusals } from './ipd-faults.ts';
import type { IpdFaultKind } from './ipd-faults.ts';
import { createLine, failure } from './line.ts';
import type { Line } from './line.ts';
import type { VirtualTime } from './virtual-time.ts';

export type IpdCall = { operation: Operation; issueId: string | undefined };

/** What every request meets for a while: no server, a server that never answers, or one fault, perhaps with options. */
export type Rule = 'unreachable' | 'deaf' | IpdFaultKind | { kind: IpdFaultKind; [option: string]: unknown };

/** The upload that a container is busy with; `asked` begins a request about it, which meets a fault or gets an answer. */
export type Errand = { asked: (operation: Operation) => Request; isInDoubt: () => boolean };
type Request = { met: (kind: IpdFaultKind) => void; answered: () => void };

type Asked = IpdCall & { size: number; hasToken: boolean };

/** The client's way to IPD. */
export function wireOf(parts: {
  container: Container;
  ipd: Ipd;
  faults: Faults;
  time: VirtualTime;
  errand: () => Errand;
  rule: (call: IpdCall) => Rule | undefined;
  note: (what: string) => void;
}): Send {
  const { container, ipd, faults, time, errand, note } = parts;
  const { random } = container;

  return async (request) => {
    const target = request.url.pathname + request.url.search;
    const route = findRoute({ method: request.method, url: target });
    if (route === undefined) throw new Error(`IPD has no ${target}`);
    const length = lengthOf(request);
    const asked: Asked = {
      operation: route.operation,
      issueId: 'issueId' in route ? route.issueId : undefined,
      size: length,
      hasToken: 'x-auth-token' in request.headers,
    };
    await container.call(() => undefined, 30);
    const rule = parts.rule(asked);
    note(`ask ${asked.operation}`);
    const contact = errand().asked(asked.operation);
    if (rule === 'unreachable' || faults.strikes('ipdUnreachable', random)) throw failure('ECONNREFUSED');

    const { signal, idleMs } = request;
    const line = createLine({ time, container, signal, idleMs, length });
    const answer =
      rule === 'deaf'
        ? line.broken
        : serve(line, { request, target, kind: rule ?? draw(asked), size: length, contact });
    write(request.body, { line, container }).catch(line.breakOff);
    try {
      const head = await Promise.race([answer, line.broken]);
      note(`answer ${head.status}`);
      contact.answered();
      return head;
    } catch (error) {
      line.breakOff(error);
      await container.awake();
      note('no answer');
      throw error;
    }
  };

  async function serve(
    line: Line,
    call: {
      request: WireRequest;
      target: string;
      kind: Exclude<Rule, 'unreachable' | 'deaf'> | undefined;
      size: number;
      contact: Request;
    },
  ): Promise<WireAnswer> {
    const { request, target, kind, size, contact } = call;
    const handle = (): ReturnType<Ipd['handle']> =>
      ipd.handle({
        method: request.method,
        url: target,
        headers: { 'content-length': String(size), ...request.headers, host: request.url.host },
        body: line.incoming,
      });
    const answer = await (kind === undefined ? handle() : withFault(kind, { size, contact }, handle));
    await time.sleep(random.int(5, 60));
    await container.awake();
    if (answer === 'reset') throw failure('ECONNRESET');
    line.close();
    return { ...answer, body: receive(answer.body, { container, signal: request.signal }) };
  }

  /** The fake IPD picks its fault before its first pause, so the rule applies to this request alone. */
  function withFault<T>(
    given: IpdFaultKind | { kind: IpdFaultKind; [option: string]: unknown },
    { size, contact }: { size: number; contact: Request },
    handle: () => T,
  ): T {
    const kind = typeof given === 'string' ? given : given.kind;
    const fault = typeof given === 'string' ? faultOf(given, random, size) : given;
    ipd.admin.faults.replace([{ fault }]);
    const answer = handle();
    // IPD applies no fault to a request that it refuses for its credentials.
    const hasFired = ipd.admin.faults.list().some(({ fired }) => fired > 0);
    ipd.admin.faults.replace([]);
    if (hasFired) faults.count(kind);
    if (hasFired) contact.met(kind);
    return answer;
  }

  function draw(asked: Asked): IpdFaultKind | undefined {
    if (faults.isStopped()) return undefined;
    const { lastingRate, ipdRate, ipdKinds } = faults.profile;
    // A list that IPD refuses for good would keep an upload in doubt for ever; the simulation skips that case.
    const isRefusable = asked.operation !== 'list' || !errand().isInDoubt();
    const kinds = isRefusable && random.chance(lastingRate) ? refusals : ipdKinds;
    if (kinds === ipdKinds && !random.chance(ipdRate)) return undefined;
    const fitting = kinds.filter((kind) => fits(kind, asked));
    const kind = fitting[random.int(0, fitting.length - 1)];
    return kind !== undefined && faults.allows(kind) ? kind : undefined;
  }
}

function lengthOf({ headers, body }: WireRequest): number {
  if (body instanceof Uint8Array) return body.length;
  return body === undefined ? 0 : Number(headers['content-length']);
}

async function write(
  body: WireRequest['body'],
  { line, container }: { line: Line; container: Container },
): Promise<void> {
  if (body === undefined) return;
  const sink = async (chunk: Uint8Array): Promise<void> => {
    line.exchange.throwIfAborted();
    await line.push(chunk);
    await container.meetFate();
  };
  await (body instanceof Uint8Array ? sink(body) : body(sink, line.exchange));
}

async function* receive(
  chunks: Chunks,
  { container, signal }: { container: Container; signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    await container.meetFate();
    signal.throwIfAborted();
    yield chunk;
  }
}
