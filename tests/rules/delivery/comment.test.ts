import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { Upload } from '../../../lib/domain/upload.ts';
import { createIpdClient } from '../../../lib/ipd/client.ts';
import { createComments } from '../../../lib/delivery/comment.ts';
import { readCredentials } from '../../../lib/runtime/config.ts';
import { en } from '../../../lib/texts/en.ts';
import { ipdCredentials } from '../../support/local-keys.ts';
import { collectTelemetry } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ environment: { COMMENT_ON_DELIVERY: 'on' } });
const silent = world.build({ config: { comment: undefined } });

const written = async () =>
  z.array(z.object({ description: z.string() })).parse(await (await world.admin('GET', '/comments')).json());
const asked = () => world.ipd.requests.filter(({ operation }) => operation === 'commentCreate');
const now = () => AbortSignal.timeout(60_000);

/** Delivered while comments are off, and comments that have not been tried on it. */
async function delivered({ uploadedBy }: { uploadedBy?: string } = {}) {
  const bytes = randomBytes(1000);
  const upload = await world.stage(bytes, { filename: 'a <b>&.png' });
  await world.ledger.change(upload.id, (before) => ({ ...before, uploadedBy }));
  await silent.delivery.onArrival(world.arrival(upload, bytes), world.run());
  return world.find(upload.id);
}

const client = createIpdClient({
  ...world.config.ipd,
  credentials: readCredentials(JSON.stringify(ipdCredentials)),
  clock: world.clock,
  send: world.send,
});

function comments(ipd = async () => client) {
  const { lines, measured, telemetry } = collectTelemetry();
  const { ledger, clock } = world;
  return { ...createComments({ ledger, ipd, texts: async () => en, clock, telemetry }), lines, measured };
}

describe('the comment on a delivery', () => {
  it('says who sent which file, as text', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes, { filename: 'a <b>&.png' });
    await world.ledger.change(upload.id, (before) => ({ ...before, uploadedBy: 'Li <Ming>' }));

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    const [comment, ...more] = await written();
    expect(more).toEqual([]);
    expect(comment?.description).toMatch(
      /^<p>Li &lt;Ming&gt; uploaded a &lt;b&gt;&amp;\.png \(\d{4}-\d\d-\d\d \d\d:\d\d UTC\)\.<\/p>$/,
    );
  });

  it('says that a program sent a file without a sender', async () => {
    const upload = await delivered();

    await comments().tryOnce(upload, now());

    expect((await written())[0]?.description).toMatch(/^<p>A program uploaded a &lt;b&gt;&amp;\.png \(/);
  });

  it('is made after subscribers have learned of the delivery', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    let during: Upload | undefined;
    const { delivery } = world.build({
      send: async (request) => {
        if (request.url.pathname.endsWith('/comments')) during = await world.find(upload.id);
        return world.send(request);
      },
    });

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(during).toMatchObject({ status: 'delivered', isFileRemoved: true });
    expect(during).not.toHaveProperty('notification');
  });

  it('is not tried on an upload that waits', async () => {
    const { measured, telemetry } = collectTelemetry();
    const { delivery } = world.build({
      config: { ipd: { ...world.config.ipd, credentials: undefined } },
      telemetry,
    });
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({ status: 'waiting' });
    expect(measured).not.toContainEqual({ CommentsNotWritten: 1 });
  });

  it('is not made while comments are off', async () => {
    const upload = await delivered();

    expect(upload).toMatchObject({ status: 'delivered' });
    expect(upload).not.toHaveProperty('commentedAt');
    expect(asked()).toEqual([]);
  });

  it('is never made twice, also when its answer was lost', async () => {
    await world.faults([{ match: { operation: 'commentCreate' }, fault: { kind: 'lostAnswer' } }]);
    const upload = await delivered();
    const { tryOnce, measured } = comments();

    await tryOnce(upload, now());
    await tryOnce(upload, now());

    expect(asked()).toHaveLength(1);
    expect(await world.find(upload.id)).toMatchObject({ commentedAt: expect.any(String) });
    expect(measured).toEqual([{ CommentsNotWritten: 1 }]);
  });

  it('that IPD refuses is reported, and the delivery stands', async () => {
    await world.faults([{ match: { operation: 'commentCreate' }, fault: { kind: 'noPermission' } }]);
    const upload = await delivered();
    const { tryOnce, lines, measured } = comments();

    await tryOnce(upload, now());

    expect(lines).toMatchObject([{ message: 'comment not written', uploadId: upload.id }]);
    expect(measured).toEqual([{ CommentsNotWritten: 1 }]);
    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
  });

  it('is not begun where the credentials cannot be read', async () => {
    const upload = await delivered();
    const { tryOnce, measured } = comments(async () => {
      throw new Error('no secret');
    });

    await tryOnce(upload, now());

    expect(await world.find(upload.id)).not.toHaveProperty('commentedAt');
    expect(measured).toEqual([{ CommentsNotWritten: 1 }]);
  });
});
