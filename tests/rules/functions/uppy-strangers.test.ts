import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { createHandler } from '../../../functions/uploads.ts';
import { callHttp } from '../../support/http-event.ts';
import { uppyPageOf } from '../../support/uppy-page.ts';
import type { Reference } from '../../support/uppy-page.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';

const world = await useWorld();
const uploadsHandler = createHandler(() => world.services);
const { bear, openSession } = uppyPageOf(world);

describe('an upload that the ticket did not begin', () => {
  it.each<[whose: string, find: (mine: Reference, user: string) => Promise<Reference>]>([
    ['of another ticket of the same user', async (_mine, user) => (await openSession({}, user)).begin()],
    ['of another user', async () => (await openSession()).begin()],
    ["of the same user's app", async (_mine, owner) => ofTheApp(owner)],
    ['that does not exist', async () => named(randomUUID())],
    ['with an id that is none', async () => named('../../v1')],
    ['under the key of another one', async ({ uploadId }) => ({ uploadId, key: named(randomUUID()).key })],
    ['under no key', async ({ uploadId }) => ({ uploadId, key: '' })],
    ['begun by a form', async (_mine, user) => formOf(user)],
  ])('is not found: %s', async (_whose, find) => {
    const { user, ticket, begin } = await openSession();
    const reference = await find(await begin(), user);
    const { sign, list, complete, abort } = bear(ticket);

    const answers = [
      await sign(reference, 1),
      await list(reference),
      await complete(reference, [{ PartNumber: 1, ETag: 'x' }]),
      await abort(reference),
    ];

    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 404, body: { code: 'not_found', retryable: false } });
      expect(JSON.stringify(answer)).not.toContain(ticket);
    }
  });

  it('has to be named by its key', async () => {
    const { begin, ask } = await openSession();
    const { uploadId } = await begin();

    const answer = await ask('list', { uploadId });

    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(answer.pointers()).toEqual(['query:key']);
  });
});

describe("an upload of Uppy's", () => {
  it.each([
    ['complete', 'upload_incomplete'],
    ['urls', 'upload_state_conflict'],
  ])("is Uppy's to bring, so its user's app is refused to ask for: %s", async (action, code) => {
    const { user, begin, sendPart } = await openSession();
    const reference = await begin();
    await sendPart(reference, 1, Buffer.from('hello'));

    const answer = await callHttp(uploadsHandler, {
      route: `POST /v1/uploads/{id}/${action}`,
      parameters: { id: reference.uploadId },
      claims: { sub: user },
    });

    expect(answer).toMatchObject({ status: 409, body: { code } });
    expect(await world.find(reference.uploadId)).toMatchObject({ status: 'awaiting_upload' });
  });
});

const named = (uploadId: string): Reference => ({ uploadId, key: `staging/${uploadId}` });

async function ofTheApp(sub: string): Promise<Reference> {
  const about = { filename: 'a.bin', contentType: 'video/mp4', size: 5 };
  const body = { projectId, issueId, ...about, mode: 'multipart' };
  return named((await callHttp(uploadsHandler, { route: 'POST /v1/uploads', claims: { sub }, body })).id);
}

async function formOf(user: string): Promise<Reference> {
  const { fields } = await (await openSession({}, user)).form();
  return named(fields['key']?.replace('staging/', '') ?? '');
}
