import { expect, it } from '@jest/globals';
import { createHandler as createAttach } from '../../../functions/attach.ts';
import { createHandler as createUploads } from '../../../functions/uploads.ts';
import { toMessage } from '../../../lib/messaging/notifications.ts';
import { FORM_TYPE, filePart, form } from '../../support/form.ts';
import { callHttp } from '../../support/http-event.ts';
import { uppyPageOf } from '../../support/uppy-page.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';

const file = { projectId, issueId, filename: 'a.png', contentType: 'image/png', size: 5 };

const world = await useWorld({
  environment: { UPLOADED_BY_CLAIM: 'preferred_username', PREFLIGHT: 'off' },
});
const { bear, callUppy } = uppyPageOf(world);
const attach = createAttach(() => world.services);
const uploads = createUploads(() => world.services);

/** The stored `uploadedBy` of an upload that a user with these claims began. */
async function nameFor(claims: Record<string, string>): Promise<string | undefined> {
  const { id } = await callHttp(uploads, {
    route: 'POST /v1/uploads',
    body: file,
    claims: { sub: 'user-1', ...claims },
  });
  return (await world.find(id)).uploadedBy;
}

it.each<[what: string, claims: Record<string, string>, name: string]>([
  ['the claim that the setting names', { preferred_username: '王小明', name: 'another name' }, '王小明'],
  ['its `sub` without that claim', { name: 'another name' }, 'user-1'],
  ['its `sub` where the claim is empty', { preferred_username: ' \n' }, 'user-1'],
  [
    'its `sub` where the claim is null, which a gateway may write so',
    { preferred_username: '<nil>' },
    'user-1',
  ],
  ['its `sub` where the claim is null, or so', { preferred_username: 'null' }, 'user-1'],
  ['a name on one line', { preferred_username: '  Ada\r\nLovelace\u0000\u2028x ' }, 'Ada Lovelace x'],
  ['a name that turns nothing around', { preferred_username: 'Ada\u202Efdp.exe' }, 'Ada fdp.exe'],
  ['valid Unicode', { preferred_username: 'a\ud83d' }, 'a\ufffd'],
  ['at most 200 characters', { preferred_username: '📎'.repeat(201) }, '📎'.repeat(200)],
])('an upload keeps the name of the user who began it: %s', async (_what, claims, name) => {
  expect(await nameFor(claims)).toBe(name);
});

it('an upload through IPD’s own route keeps it, too', async () => {
  const answer = await callHttp(attach, {
    route: 'POST /v1/ipdprojectservice/projects/{project_id}/issues/{issue_id}/attachments/upload',
    parameters: { project_id: projectId, issue_id: issueId },
    claims: { sub: 'user-1', preferred_username: 'Ada' },
    headers: { 'content-type': FORM_TYPE },
    body: form(filePart()),
    // All of that is the function's margin, so it does not wait for a delivery.
    remainingMs: 3_000,
  });

  const id = String(answer.headers['location']).replace('/v1/uploads/', '');
  expect(await world.find(id)).toMatchObject({ owner: 'user-1', uploadedBy: 'Ada' });
});

it.each(['by parts', 'by a form'])(
  'an upload of an Uppy session keeps the name of the user who opened the session: %s',
  async (way) => {
    const { body } = await callUppy({
      route: 'POST /v1/uppy-sessions',
      claims: { sub: 'user-2', preferred_username: 'Grace' },
      body: { projectId, issueId },
    });
    const page = bear(String(body['companionEndpoint']).split('/').at(-1) ?? '');

    const key = way === 'by parts' ? (await page.begin()).key : (await page.form()).fields['key'];

    const id = key?.replace('staging/', '') ?? '';
    expect(await world.find(id)).toMatchObject({ owner: 'user-2', uploadedBy: 'Grace' });
  },
);

it('a subscriber gets it in the notification', async () => {
  const upload = await world.create(Buffer.from('a'));
  const at = upload.createdAt;

  const named = toMessage({ ...upload, uploadedBy: 'Ada' }, { type: 'UploadExpired', at });
  const unnamed = toMessage(upload, { type: 'UploadExpired', at });

  expect(named).toMatchObject({ upload: { owner: 'user-1', uploadedBy: 'Ada' } });
  expect(JSON.parse(JSON.stringify(unnamed))).not.toHaveProperty('upload.uploadedBy');
});
