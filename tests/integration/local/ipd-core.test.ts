import { describe, expect, it } from '@jest/globals';
import { createIpd } from '../../../local/ipd/ipd.ts';
import type { IpdAnswer, IpdRequest } from '../../../local/ipd/types.ts';
import { credentials, listPath, rawForm, rawFormType, tokenRequest, uploadPath } from './ipd-fixture.ts';

const form = rawForm({ disposition: 'name="attachment"; filename="a.txt"', content: 'x'.repeat(1000) });

/** The core on virtual time: a pause ends at once and moves the clock. */
function createWorld() {
  let now = 0;
  const slept: number[] = [];
  const ipd = createIpd({
    credentials,
    clock: () => now,
    random: () => 0.25,
    async sleep(milliseconds) {
      now += milliseconds;
      slept.push(milliseconds);
    },
  });
  return { ipd, slept };
}

type World = ReturnType<typeof createWorld>;

async function* chunksOf(text: string, size = 100): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < text.length; start += size) yield Buffer.from(text.slice(start, start + size));
}

async function login({ ipd }: World): Promise<string> {
  const body = chunksOf(JSON.stringify(tokenRequest()));
  const answer = await ipd.handle({ method: 'POST', url: '/v3/auth/tokens', headers: {}, body });
  return answer === 'reset' ? '' : (answer.headers['x-subject-token'] ?? '');
}

async function upload(world: World, request: Partial<IpdRequest> = {}): Promise<IpdAnswer | 'reset'> {
  const headers = { 'content-type': rawFormType, 'x-auth-token': await login(world), ...request.headers };
  return world.ipd.handle({ method: 'POST', url: uploadPath, body: chunksOf(form), ...request, headers });
}

async function textOf(answer: IpdAnswer | 'reset'): Promise<string> {
  if (answer === 'reset') return 'reset';
  const parts: Uint8Array[] = [];
  for await (const part of answer.body) parts.push(part);
  return Buffer.concat(parts).toString();
}

describe('the core', () => {
  it('uploads and lists without a socket', async () => {
    const world = createWorld();

    const answer = await upload(world);
    const headers = { 'x-auth-token': await login(world) };
    const list = await world.ipd.handle({ method: 'GET', url: listPath, headers, body: chunksOf('') });

    expect(await textOf(answer)).toContain('"filesize":1000');
    expect(await textOf(list)).toContain('"file_size":1000');
  });

  it('pauses on the clock it was given, before the next byte is pulled', async () => {
    const world = createWorld();
    world.ipd.admin.faults.replace([
      { match: { operation: 'upload' }, fault: { kind: 'stall', afterBytes: 250, seconds: 3600 } },
    ]);
    const pulledAt: number[] = [];
    async function* watched(): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunksOf(form)) {
        pulledAt.push(world.slept.length);
        yield chunk;
      }
    }

    const answer = await upload(world, { body: watched() });

    expect(await textOf(answer)).toContain('"filesize":1000');
    expect(world.slept).toEqual([3_600_000]);
    expect(pulledAt.filter((pauses) => pauses === 0)).toHaveLength(3);
  });

  it('stores nothing of a body that breaks', async () => {
    const world = createWorld();
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(form.slice(0, 500));
      throw new Error('broken pipe');
    }

    expect(await upload(world, { body: broken() })).toBe('reset');
    expect(world.ipd.admin.attachments()).toEqual([]);
  });

  it('stores nothing of a body that is shorter than announced', async () => {
    const world = createWorld();
    const headers = { 'content-length': String(form.length + 1) };

    expect(await upload(world, { headers })).toBe('reset');
    expect(world.ipd.admin.attachments()).toEqual([]);
  });

  it('reads a name that is spread over chunks', async () => {
    const world = createWorld();
    const spread = rawForm({ disposition: 'name="attachment"; filename="图片.txt"' });
    async function* bytewise(): AsyncGenerator<Uint8Array> {
      for (const byte of Buffer.from(spread)) yield Uint8Array.of(byte);
    }

    await upload(world, { body: bytewise() });

    expect(world.ipd.admin.attachments()).toMatchObject([{ filename: '图片.txt', size: 5 }]);
  });

  it('gives ids of 18 digits even at time 0', async () => {
    const world = createWorld();

    await upload(world);

    expect(world.ipd.admin.attachments()[0]?.id).toMatch(/^\d{18}$/);
  });

  it('gives the same results in two runs', async () => {
    const [first, second] = [createWorld(), createWorld()];

    const answers = [await textOf(await upload(first)), await textOf(await upload(second))];

    expect(answers[0]).toBe(answers[1]);
    expect(first.ipd.admin.requests).toEqual(second.ipd.admin.requests);
  });
});
