import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { createServer, request as forward } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import Uppy from '@uppy/core';
import type { Meta } from '@uppy/core';
import { z } from 'zod';
import { listen } from '../../../local/listen.ts';
import IpdAttachment from '../../../packages/uppy/src/plugin.ts';
import type { Upload } from '../../../packages/uppy/src/plugin.ts';
import { useProduct } from '../../support/use-product.ts';
import { issueId, projectId } from '../../support/world.ts';

type Stop = { call: string; before: 'request' | 'answer'; reached: () => void; end: Promise<void> };

const LARGEST_ATTACHMENT = 65_536;
const product = await useProduct({
  environment: {
    OVERSIZE: 'link',
    MAX_FILE_BYTES: String(LARGEST_ATTACHMENT),
    // So each file has a completion.
    MULTIPART_THRESHOLD_BYTES: '1',
  },
});
const line = await startLine(product.urls.apiUrl);
const opened: { destroy(): void }[] = [];

afterEach(() => {
  opened.splice(0).forEach((uppy) => uppy.destroy());
  line.reset();
});
afterAll(() => line.close());

const CREATE = 'POST /v1/uploads';
const READ = 'GET /v1/uploads/:id';
const CANCEL = 'DELETE /v1/uploads/:id';
const COMPLETE = 'POST /v1/uploads/:id/complete';
const QUIET = { debug: () => {}, warn: () => {}, error: () => {} };
const page = z.object({
  uploads: z.array(z.looseObject({ id: z.string(), filename: z.string(), status: z.string() })),
});

/** Uppy with the plugin on the line. */
function open() {
  const uppy = new Uppy<Meta, Upload>({ logger: QUIET });
  uppy.use(IpdAttachment, { apiUrl: line.url, token: () => product.token, projectId, issueId });
  const saved: object[] = [];
  uppy.on('restore:plugin-data-changed', (data) => saved.push(data));
  opened.push(uppy);
  return { uppy, saved };
}

function sample(name: string, size = 1000): File {
  return new File([randomBytes(size)], name, { type: 'video/mp4', lastModified: 1_790_000_000_000 });
}

async function attach(file: File): Promise<void> {
  const { uppy } = open();
  uppy.addFile(file);
  await uppy.upload();
}

/** Resolves when Uppy shows this message. */
function shown(uppy: Uppy<Meta, Upload>, message: string): Promise<void> {
  return new Promise((resolve) => {
    uppy.on('info-visible', () => {
      if (uppy.getState().info.some((one) => one.message === message)) resolve();
    });
  });
}

async function uploadsOf(name: string) {
  const { body } = await product.call('GET /v1/uploads?limit=100');
  return page.parse(body).uploads.filter(({ filename }) => filename === name);
}

async function statusesOf(name: string): Promise<string[]> {
  return (await uploadsOf(name)).map(({ status }) => status);
}

/** Resolves with the final status of the only upload of this name. */
async function endOf(name: string): Promise<string | undefined> {
  for (;;) {
    const [status = ''] = await statusesOf(name);
    if (/^(delivered|cancelled|removed|expired|failed)$/.test(status)) return status;
  }
}

describe('a removed file whose link the work item has', () => {
  it('leaves the link where its creation was being answered', async () => {
    const name = 'last week.mp4';
    const file = sample(name, LARGEST_ATTACHMENT + 1);
    await attach(file);
    const creation = line.stop(CREATE, 'answer');
    const { uppy } = open();
    const isTooLate = shown(uppy, `“${name}” cannot be cancelled any more: the work item may have it`);

    const id = uppy.addFile(file);
    const sending = uppy.upload();
    await creation.reached;
    uppy.removeFile(id);
    creation.release();
    await Promise.race([isTooLate, line.answered(CANCEL)]);
    await sending;

    expect(await statusesOf(name)).toEqual(['delivered']);
    expect(await product.links()).toHaveLength(1);
    await isTooLate;
  });

  it('leaves the link where the page was closed before its delivery', async () => {
    const name = 'restored.mp4';
    const file = sample(name, LARGEST_ATTACHMENT + 1);
    const first = open();
    first.uppy.addFile(file);
    await first.uppy.upload();
    const unfinished = first.saved.find((data) => JSON.stringify(data).includes('uploadId'));
    const { uppy } = open();
    const isTooLate = shown(uppy, `“${name}” cannot be cancelled any more: the work item may have it`);

    const id = uppy.addFile(file);
    uppy.emit('restored', unfinished);
    uppy.removeFile(id);
    await Promise.race([isTooLate, line.answered(CANCEL)]);

    expect(await statusesOf(name)).toEqual(['delivered']);
    expect(await product.links()).toHaveLength(1);
    await isTooLate;
  });
});

describe('a file that is removed and added again', () => {
  it('is sent although the creation for the removed one is answered late', async () => {
    const name = 'late creation.mp4';
    const file = sample(name);
    const creation = line.stop(CREATE, 'answer');
    const completion = line.stop(COMPLETE, 'request');
    const { uppy } = open();

    const id = uppy.addFile(file);
    const first = uppy.upload();
    await creation.reached;
    uppy.removeFile(id);
    await first;
    uppy.addFile(file);
    const second = uppy.upload();
    await completion.reached;
    creation.release();
    // A needless cancellation would be on its way by then.
    await uploadsOf(name);
    completion.release();

    expect((await second)?.failed).toEqual([]);
    expect(await statusesOf(name)).toEqual(['delivered']);
    expect(line.calls).not.toContain(CANCEL);
  });

  it('waits for a cancellation that is under way', async () => {
    const name = 'slow cancellation.mp4';
    const file = sample(name, LARGEST_ATTACHMENT + 1);
    const completion = line.stop(COMPLETE, 'request');
    const cancellation = line.stop(CANCEL, 'request');
    const { uppy } = open();

    const id = uppy.addFile(file);
    const first = uppy.upload();
    await completion.reached;
    uppy.removeFile(id);
    await first;
    await cancellation.reached;
    uppy.addFile(file);
    const second = uppy.upload();
    // A creation that does not wait is answered by then.
    await attach(sample('meanwhile.mp4'));
    cancellation.release();

    expect((await second)?.failed).toEqual([]);
    expect(await statusesOf(name)).toEqual(['delivered', 'cancelled']);
  });

  it('is not cancelled when the network that the cancellation waited for is back', async () => {
    const name = 'offline cancellation.mp4';
    const file = sample(name);
    const first = line.stop(COMPLETE, 'request');
    const { uppy } = open();

    const id = uppy.addFile(file);
    const removed = uppy.upload();
    await first.reached;
    line.answerElsewhere(READ, CANCEL);
    uppy.removeFile(id);
    await removed;
    await line.answered(READ, CANCEL);
    line.answerElsewhere();
    const second = line.stop(COMPLETE, 'request');
    uppy.addFile(file);
    const sending = uppy.upload();
    await second.reached;
    uppy.emit('is-online');
    // A needless cancellation would be on its way by then.
    await uploadsOf(name);
    second.release();

    expect((await sending)?.failed).toEqual([]);
    expect(await statusesOf(name)).toEqual(['delivered']);
  });
});

describe('a file that is removed during a pause', () => {
  it('is cancelled although the pause came while its upload was being created', async () => {
    const name = 'paused.mp4';
    const creation = line.stop(CREATE, 'answer');
    const { uppy } = open();

    const id = uppy.addFile(sample(name));
    const sending = uppy.upload();
    await creation.reached;
    uppy.pauseAll();
    uppy.removeFile(id);
    creation.release();
    await sending;

    expect(await endOf(name)).toBe('cancelled');
  });

  it('goes on after such a pause where it is not removed', async () => {
    const name = 'resumed.mp4';
    const creation = line.stop(CREATE, 'answer');
    const { uppy } = open();

    uppy.addFile(sample(name));
    const sending = uppy.upload();
    await creation.reached;
    uppy.pauseAll();
    creation.release();
    uppy.resumeAll();
    await sending;

    expect(await statusesOf(name)).toEqual(['delivered']);
  });
});

/**
 * A line to the API on which a test stops a call's next request, or its answer, until it lets it pass, and on which
 * something else than the API may answer, as in a network that wants people to sign in first.
 */
async function startLine(target: string) {
  const calls: string[] = [];
  const stops: Stop[] = [];
  const waiters = new Set<{ calls: string[]; resolve: () => void }>();
  let elsewhere: string[] = [];

  async function pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers, url = '' } = incoming;
    const body = await buffer(incoming);
    const call = `${method} ${url.replace(/\?.*/, '').replace(/(uploads)\/[^/]+/, '$1/:id')}`;
    const at = stops.findIndex((stop) => stop.call === call);
    const [stop] = at < 0 ? [] : stops.splice(at, 1);
    await reach(stop, 'request');
    calls.push(call);
    const send = () => forward(new URL(url, target), { method, headers, agent: false }).end(body);
    const answer = elsewhere.includes(call) ? undefined : await answerTo(send());
    const bytes = answer && (await buffer(answer));
    await reach(stop, 'answer');
    response.writeHead(answer?.statusCode ?? 200, answer?.headers).end(bytes ?? '<html>Sign in</html>');
    for (const waiter of waiters) if (waiter.calls.includes(call)) waiter.resolve();
  }

  const server = createServer((incoming, response) => void pass(incoming, response));
  const { url, close } = await listen(server, 0);
  return {
    url,
    close,
    calls,
    stop(call: string, before: Stop['before']) {
      const reached = Promise.withResolvers<void>();
      const end = Promise.withResolvers<void>();
      stops.push({ call, before, reached: reached.resolve, end: end.promise });
      return { reached: reached.promise, release: end.resolve };
    },
    /** Resolves when the next request of one of these calls is answered. */
    answered: (...wanted: string[]) =>
      new Promise<void>((resolve) => void waiters.add({ calls: wanted, resolve })),
    /** Something else answers these calls from now on. */
    answerElsewhere: (...wanted: string[]) => void (elsewhere = wanted),
    reset(): void {
      for (const list of [calls, stops, elsewhere]) list.length = 0;
      waiters.clear();
    },
  };
}

async function reach(stop: Stop | undefined, place: Stop['before']): Promise<void> {
  if (stop?.before !== place) return;
  stop.reached();
  await stop.end;
}

function answerTo(outgoing: ReturnType<typeof forward>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => outgoing.on('response', resolve).on('error', reject));
}
