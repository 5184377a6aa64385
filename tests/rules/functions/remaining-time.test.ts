import { describe, expect, it } from '@jest/globals';
import { createHandler as createAttach } from '../../../functions/attach.ts';
import { createHandler as createDeliver } from '../../../functions/deliver.ts';
import { createHandler as createSweep } from '../../../functions/sweep.ts';
import { filePart, form, FORM_TYPE } from '../../support/form.ts';
import { callHttp } from '../../support/http-event.ts';
import { lambdaContext, scheduledEvent } from '../../support/lambda-event.ts';
import { queueEvent } from '../../support/queue-event.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';

const world = await useWorld();
const SECOND_MS = 1_000;

/** The world's services, and the lengths of time that a function has set for its work. */
function noted() {
  const lengths: number[] = [];
  const timeout = (ms: number): AbortSignal => {
    lengths.push(ms);
    return world.clock.timeout(ms);
  };
  return { lengths, services: { ...world.services, clock: { ...world.clock, timeout } } };
}

describe('the time that a function sets for its work', () => {
  it.each([
    [300, 290],
    [5, 0],
  ])('of a delivery with %d s left is %d s', async (left, set) => {
    const { lengths, services } = noted();

    await createDeliver(() => services)(queueEvent(), lambdaContext(left * SECOND_MS));

    expect(lengths).toEqual([set * SECOND_MS]);
  });

  it('of a sweep ends ten seconds before its container does', async () => {
    const { lengths, services } = noted();

    await createSweep(() => services)(scheduledEvent, lambdaContext(50 * SECOND_MS));

    expect(lengths).toEqual([40 * SECOND_MS]);
  });

  it.each([
    [29, 25],
    [10, 7],
  ])("of IPD's own route with %d s left is %d s", async (left, set) => {
    const waits: number[] = [];
    const { attach } = world.services;
    const noting: typeof attach = {
      attach: (caller, request, how) => {
        waits.push(how.until - world.clock.now());
        return attach.attach(caller, request, how);
      },
    };

    await callHttp(
      createAttach(() => ({ ...world.services, attach: noting })),
      {
        route: 'POST /v1/ipdprojectservice/projects/{project_id}/issues/{issue_id}/attachments/upload',
        parameters: { project_id: projectId, issue_id: issueId },
        headers: { 'content-type': FORM_TYPE },
        body: form(filePart()),
        remainingMs: left * SECOND_MS,
      },
    );

    expect(waits).toEqual([set * SECOND_MS]);
  });

  it('answers a body without a type in words of its own', async () => {
    const { status, body } = await callHttp(
      createAttach(() => world.services),
      {
        route: 'POST /v1/ipdprojectservice/projects/{project_id}/issues/{issue_id}/attachments/upload',
        parameters: { project_id: projectId, issue_id: issueId },
        headers: {},
        body: form(filePart()),
      },
    );

    expect({ status, body }).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } });
  });
});
