/**
 * The way of one container to the fake IPD: one connection an exchange, byte streams in both directions, and the fault
 * that the random source chooses for each request. It carries bytes and never reads them.
 */
import type { Ipd } from '../../local/ipd/ipd.ts';
import { findRoute } from '../../local/ipd/routes.ts';
import type { Chunks, Operation, WorkItem } from '../../local/ipd/types.ts';
import type { Send, WireAnswer, WireRequest } from '../../lib/ipd/wire.ts';
import type { Activity } from './activity.ts';
import type { Container } from './container.ts';
import type { Faults } from './faults.ts';
import { drawFault } from './ipd-faults.ts';
import type { IpdFault, IpdFaultKind } from './ipd-faults.ts';
import { createLine, failure } from './line.ts';
import type { People } from './people.ts';
import type { Line } from './line.ts';
import type { VirtualTime } from './virtual-time.ts';

export type IpdCall = { operation: Operation; issueId: string | undefined };

/** What every request meets for a while: no server, a server that never answers, or one fault, perhaps with options. */
export type Rule = 'unreachable' | 'deaf' | IpdFaultKind | IpdFault;

/** The upload that a container is busy with; `asked` begins a request about it, which meets a fault or gets an answer. */
export type Errand = {
  asked: (operation: Operation) => Request;
  isInDoubt: () => boolean;
  /** In bytes. */
  size: () => number;
};
type Request = { met: (kind: IpdFaultKind | 'unreachable') => void; answered: () => void };

type Asked = IpdCall & { size: number; hasToken: boolean };

/** The client's way to IPD. */
export function wireOf(parts: {
  activity: Activity;
  container: Container;
  ipd: Ipd;
  faults: Faults;
  time: VirtualTime;
  errand: () => Errand;
  rule: (call: IpdCall) => Rule | undefined;
  people: People;
  note: (what: string) => void;
}): Send {
  const { activity, container, ipd, faults, time, errand, people, note } = parts;
  const { random } = container;
  let listedAt = -Infinity;

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
    const where = `ask ${asked.operation}`;
    const site = `${container.kind}: ${where}`;
    await container.call(() => undefined, where, 30);
    const rule = parts.rule(asked);
    note(where);
    const contact = errand().asked(asked.operation);
    if (rule === 'unreachable' || faults.strikes('ipdUnreachable', random, site)) {
      contact.met('unreachable');
      throw failure('ECONNREFUSED');
    }

    if (route.operation === 'upload' || route.operation === 'list') await letPeopleAct(route, site);
    if ('issueId' in route && route.operation.startsWith('link')) letPeopleUseLinks(route, site);
    if (route.operation === 'list') listedAt = time.now();

    const { signal, idleMs } = request;
    const line = createLine({
      time,
      container,
      signal,
      idleMs,
      length,
      areBytesLost: () => faults.strikes('bytesLost', random, site) !== undefined,
    });
    const answer =
      rule === 'deaf'
        ? line.broken
        : activity.during(
            serve(line, {
              request,
              target,
              fault: rule === undefined ? draw(asked, site) : faultBy(rule, asked),
              size: length,
              contact,
            }),
          );
    answer.catch(() => undefined);
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

  /** Other people are never synchronized with us: they may act before any request. */
  async function letPeopleAct({ projectId, issueId }: WorkItem, site: string): Promise<void> {
    if (faults.strikes('personAttaches', random, site)) {
      await people.attach({ projectId, issueId }, Buffer.alloc(errand().size(), 'p'));
    }
    if (faults.strikes('personDeletes', random, site)) people.deleteNewest({ projectId, issueId });
  }

  function letPeopleUseLinks({ projectId, issueId }: WorkItem, site: string): void {
    const copied = faults.strikes('personCopiesLink', random, site);
    if (copied !== undefined) people.copyLink({ projectId, issueId }, copied.as);
    if (faults.strikes('personDeletesLink', random, site)) people.deleteNewestLink({ projectId, issueId });
  }

  async function serve(
    line: Line,
    call: {
      request: WireRequest;
      target: string;
      fault: IpdFault | undefined;
      size: number;
      contact: Request;
    },
  ): Promise<WireAnswer> {
    const { request, target, fault, size, contact } = call;
    const handle = (): ReturnType<Ipd['handle']> =>
      ipd.handle({
        method: request.method,
        url: target,
        headers: { 'content-length': String(size), ...request.headers, host: request.url.host },
        body: line.incoming,
      });
    const answer = await (fault === undefined ? handle() : withFault(fault, contact, handle));
    await time.sleep(random.int(5, 60));
    await container.awake();
    if (answer === 'reset') throw failure('ECONNRESET');
    line.close();
    return { ...answer, body: receive(answer.body, { container, signal: request.signal }) };
  }

  /** The fake IPD picks its fault before its first pause, so the rule applies to this request alone. */
  function withFault<T>(fault: IpdFault, contact: Request, handle: () => T): T {
    ipd.admin.faults.replace([{ fault }]);
    const answer = handle();
    // IPD applies no fault to a request that it refuses for its credentials.
    const hasFired = ipd.admin.faults.list().some(({ fired }) => fired > 0);
    ipd.admin.faults.replace([]);
    if (hasFired) faults.count(fault.kind);
    if (hasFired) contact.met(fault.kind);
    return answer;
  }

  /** The fault that a rule demands, with options at random where it names none. */
  function faultBy(rule: IpdFaultKind | IpdFault, asked: Asked): IpdFault {
    return typeof rule === 'string' ? drawFault(rule, random, asked) : rule;
  }

  function draw(asked: Asked, site: string): IpdFault | undefined {
    // A list that IPD refuses for good would keep an upload in doubt for ever; the simulation skips that case.
    const isList = asked.operation === 'list' || asked.operation === 'linkList';
    const isRefusable = !isList || !errand().isInDoubt();
    // Before anything was sent, a null list counts as an empty one, so it must be one.
    const mayBeNull = asked.operation !== 'list' || errand().isInDoubt() || !people.hasAttached();
    return faults.strikesAtIpd(
      { ...asked, isRefusable, mayBeNull, hasSeenAll: people.attachedAt() <= listedAt },
      random,
      site,
    );
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
    await container.meetFate('send bytes');
  };
  await (body instanceof Uint8Array ? sink(body) : body(sink, line.exchange));
}

async function* receive(
  chunks: Chunks,
  { container, signal }: { container: Container; signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    await container.meetFate('receive bytes');
    signal.throwIfAborted();
    yield chunk;
  }
}
