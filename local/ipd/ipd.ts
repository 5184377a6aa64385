/**
 * The fake IPD without sockets: from a request to an answer or a reset. The caller brings the clock, the random source
 * and the pauses, so that a simulation can run it on virtual time. It carries out a fault's plan, but chooses none.
 */
import { ADMIN_PATH, answerAdmin, type Admin } from './admin.ts';
import { createAttachments } from './attachments.ts';
import { authKindOf, createAuthority, expectedCanonicalRequest, type Session } from './authority.ts';
import { createMemoryBlobs, type Blobs } from './blobs.ts';
import { createBody, type Body } from './body.ts';
import { createComments } from './comments.ts';
import { createFaults } from './fault-rules.ts';
import type { Plan } from './faults.ts';
import { peekPartHeader } from './form.ts';
import { createIam, type Credentials } from './iam.ts';
import { createLimits, lengthRefusal, sizeRefusal } from './limits.ts';
import { createLinks } from './links.ts';
import { createOperations } from './operations.ts';
import { createReplay } from './replay.ts';
import { policyRefusal } from './refusals.ts';
import { notPublished, renderReply, success } from './replies.ts';
import { createRequestLog, type RequestRecord } from './request-log.ts';
import { createPeople } from './people.ts';
import { findRoute, type Route } from './routes.ts';
import { parseSettings, type SettingsInput } from './settings.ts';
import { transcriptSchema } from './transcript.ts';
import {
  ConnectionLost,
  headerOf,
  targetOf,
  type Done,
  type IpdAnswer,
  type IpdRequest,
  type Reply,
} from './types.ts';

export type IpdOptions = SettingsInput & {
  credentials: Credentials;
  /** Milliseconds since 1970. */
  clock: () => number;
  /** At least 0, below 1, as Math.random. */
  random: () => number;
  sleep: (milliseconds: number) => Promise<unknown>;
  blobs?: Blobs;
};

type AcceptedSession = Extract<Session, { needsBodyHash: boolean }>;

type Call = {
  request: IpdRequest;
  record: RequestRecord;
  route: Route;
  session: AcceptedSession;
  body: Body;
  pause: (seconds: number) => Promise<unknown>;
};

export type Ipd = ReturnType<typeof createIpd>;

/** A small working IPD; it returns 'reset' when a request ends early or a fault resets the connection. */
export function createIpd(options: IpdOptions) {
  const { credentials, clock, random, sleep, blobs = createMemoryBlobs(), ...initialSettings } = options;
  let settings = parseSettings(initialSettings);
  const log = createRequestLog();
  const rules = createFaults({ random });
  let replaced = Promise.withResolvers<void>();
  const faults = {
    ...rules,
    replace(input: unknown): void {
      rules.replace(input);
      replaced.resolve();
      replaced = Promise.withResolvers();
    },
  };
  const iam = createIam({ credentials, clock, random });
  const authority = createAuthority({ credentials, iam, clock });
  const limits = createLimits({ clock });
  const attachments = createAttachments({ clock, blobs });
  const operations = createOperations({ attachments, blobs });
  const links = createLinks({ clock });
  const comments = createComments({ clock });
  const people = createPeople({ attachments, blobs, links });
  let replay = createReplay([]);

  const admin: Admin = {
    attachments: attachments.all,
    removeAttachment(id) {
      const gone = attachments.all().find((one) => one.id === id);
      if (gone !== undefined) people.remove(gone);
      return gone !== undefined;
    },
    links: links.all,
    plantLink: people.plantLink,
    removeLink: people.deleteLink,
    comments: comments.all,
    requests: log.entries,
    faults,
    settings: () => settings,
    replaceSettings: (input) => {
      settings = parseSettings({ ...initialSettings, ...input });
    },
    replaceTranscript: (input) => {
      const { exchanges } = transcriptSchema.parse(input);
      replay = createReplay(exchanges);
      return exchanges.length;
    },
    async reset() {
      replay = createReplay([]);
      settings = parseSettings(initialSettings);
      faults.replace([]);
      iam.killTokens();
      authority.unlock();
      limits.clear();
      log.clear();
      links.clear();
      comments.clear();
      await attachments.clear();
    },
  };

  async function handle(request: IpdRequest): Promise<IpdAnswer | 'reset'> {
    const requestId = Math.floor(random() * 2 ** 48).toString(16);
    const { path } = targetOf(request.url);
    if (path.startsWith(ADMIN_PATH)) return renderReply(await answerAdmin(admin, request), requestId);

    const route = findRoute(request);
    const record = log.open(request, {
      at: new Date(clock()).toISOString(),
      path,
      operation: route?.operation ?? null,
      issueId: issueOf(route) ?? null,
      auth: authKindOf(request.headers),
    });
    const body = createBody({ source: request.body, contentLength: record.contentLength });
    const reply = await replyTo({ request, record, route, body });

    record.bytes = body.bytes();
    record.complete = body.isComplete();
    record.outcome = reply === 'reset' || reply.cutAfterBytes !== undefined ? 'reset' : 'answered';
    record.status = reply === 'reset' ? null : reply.status;
    return reply === 'reset' ? 'reset' : renderReply(reply, requestId);
  }

  /** Authenticates the request, picks its fault, does the work, and applies the fault's plan. */
  async function replyTo(
    asked: Omit<Call, 'route' | 'session' | 'pause'> & { route: Route | undefined },
  ): Promise<Reply | 'reset'> {
    const { request, record, route, body } = asked;
    if (route === undefined) return notPublished();
    const session = route.operation === 'token' ? anyone : authority.open(request, settings.deadToken);
    if (session.refusal !== undefined) return session.refusal;
    if (session.needsBodyHash) body.startHash();

    try {
      const { plan, pause } = await pickPlan(record, route, body);
      if (plan.killsTokens) iam.killTokens();
      const done: Done = plan.isEarly
        ? { reply: success(null) }
        : await work({ request, record, route, session, body, pause }, plan);
      if (plan.pauseSeconds > 0) await pause(plan.pauseSeconds);
      const replayed = replay.answer({
        operation: route.operation,
        auth: record.auth,
        size: done.size,
      });
      if (replayed === 'reset') return replayed;
      return applyPlan(plan, { request, route, done: { ...done, reply: replayed ?? done.reply } });
    } catch (error) {
      if (error instanceof ConnectionLost) return 'reset';
      throw error;
    }
  }

  /** The plan, and its pauses: they end early when the faults are replaced. */
  async function pickPlan(
    record: RequestRecord,
    route: Route,
    body: Body,
  ): Promise<{ plan: Plan; pause: Call['pause'] }> {
    const isNamed = route.operation === 'upload' && faults.needsFilename();
    const filename = isNamed ? (await peekPartHeader(body)).filename : undefined;
    const { method, auth } = record;
    const { operation } = route;
    const end = replaced.promise;
    return {
      plan: faults.pick({ method, auth, operation, issueId: issueOf(route), filename }),
      pause: (seconds) => Promise.race([sleep(seconds * 1000), end]),
    };
  }

  async function work(call: Call, plan: Plan): Promise<Done> {
    const { route, session, body, pause } = call;
    if (plan.interrupt !== undefined) {
      const { afterBytes, seconds, resets } = plan.interrupt;
      body.interruptAt({
        afterBytes,
        async act() {
          await pause(seconds);
          if (resets) throw new ConnectionLost('reset by a fault');
        },
      });
    }
    if (route.operation === 'upload') return upload(call, route, plan);

    const text = await body.readText();
    const refusal = session.verify(body.sha256()) ?? policyRefusal(settings, route.operation);
    if (refusal !== undefined) return { reply: refusal, isRefused: true };
    return operate(route, { plan, text });
  }

  /** Every operation but the upload, which streams. */
  function operate(
    route: Exclude<Route, { operation: 'upload' }>,
    { plan, text }: { plan: Plan; text: string },
  ): Done {
    switch (route.operation) {
      case 'list':
        return operations.list(settings, route);
      case 'download':
        return { reply: operations.download(route) };
      case 'token': {
        const lifeSeconds = settings.tokenLifeSeconds;
        return { reply: iam.issue({ body: text, query: route.query, lifeSeconds }) };
      }
      case 'linkList':
        return links.list({ settings, ...route });
      case 'linkCreate':
        return links.create({ settings, plan, text, ...route });
      case 'linkUpdate':
        return links.update({ settings, plan, text, ...route });
      case 'linkDelete':
        return links.remove({ settings, plan, text, ...route });
      case 'commentList':
        return comments.list({ settings, ...route });
      case 'commentCreate':
        return comments.create({ settings, plan, text, ...route });
      case 'commentUpdate':
        return comments.update({ settings, plan, text, ...route });
      case 'commentDelete':
        return comments.remove({ settings, plan, text, ...route });
    }
  }

  async function upload(
    call: Call,
    route: Extract<Route, { operation: 'upload' }>,
    plan: Plan,
  ): Promise<Done> {
    const { request, record, session, body } = call;
    const { auth, contentLength, chunked } = record;
    const refusal =
      sizeRefusal(settings, { auth, bytes: contentLength ?? 0 }) ??
      lengthRefusal(settings, { chunked }) ??
      limits.rate(settings);
    if (refusal !== undefined) return { reply: refusal, isRefused: true };
    const { bodyTimeoutSeconds } = settings;
    if (bodyTimeoutSeconds !== null) body.endBy(clock, clock() + bodyTimeoutSeconds * 1000);
    return operations.upload({
      settings,
      plan,
      body,
      projectId: route.projectId,
      issueId: route.issueId,
      formType: headerOf(request.headers, 'content-type') ?? '',
      verify: () => sizeRefusal(settings, { auth, bytes: body.bytes() }) ?? session.verify(body.sha256()),
    });
  }

  function applyPlan(plan: Plan, asked: { request: IpdRequest; route: Route; done: Done }): Reply | 'reset' {
    const { request, route, done } = asked;
    // The fault's plan does first what is asked. If that was refused, the caller gets the refusal.
    const isRefused = done.isRefused === true && plan.isStored && !plan.isEarly;
    if (plan.answer === undefined || isRefused) return done.reply;
    return plan.answer({
      issueId: issueOf(route) ?? '',
      fileSizeAs: settings.fileSizeAs,
      canonicalRequest: expectedCanonicalRequest(request),
      real: done.reply,
      done,
    });
  }

  return { handle, admin, people };
}

/** IAM's token call needs no credentials but those in its body. */
const anyone: Session = { needsBodyHash: false, verify: () => undefined };

function issueOf(route: Route | undefined): string | undefined {
  return route !== undefined && 'issueId' in route ? route.issueId : undefined;
}
