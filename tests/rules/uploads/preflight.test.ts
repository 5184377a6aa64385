import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { frameOverhead } from '../../../lib/ipd/form.ts';
import { collectTelemetry } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';
import { caller, issueId } from '../../support/world.ts';
import type { World } from '../../support/world.ts';
import { request } from '../../support/ways-to-end.ts';
import { MINUTE_MS } from '../../../lib/domain/units.ts';

const world = await useWorld();

describe('preflight', () => {
  /** Services whose IPD settings differ. */
  function withIpd(ipd: Partial<World['config']['ipd']>) {
    return world.build({ config: { ipd: { ...world.config.ipd, ...ipd } } });
  }

  describe('the size', () => {
    it('ends at the limit', async () => {
      const { intake } = world.build({ config: { maxFileBytes: 1000 } });

      expect(await intake.create(caller, { ...request, size: 1000 })).toMatchObject({ created: true });
      await expect(intake.create(caller, { ...request, size: 1001 })).rejects.toMatchObject({
        code: 'file_too_large',
        places: [{ pointer: '/size', detail: 'must be at most 1000' }],
      });
      expect(await intake.limits()).toEqual({
        maxFileBytes: 1000,
        maxAttachmentBytes: 1000,
        oversize: 'refuse',
        ...world.config.limits,
        stagingUrlTtlSeconds: 3600,
        uploadDeadlineSeconds: 72 * 3600,
        breaker: { state: 'closed' },
      });
    });

    it('ends at 12,000,000 bytes with the form frame where there is only an access key', async () => {
      const { intake } = withIpd({ auth: 'aksk' });
      const file = { ...request, filename: '报告.pdf' };
      const largest = 12_000_000 - frameOverhead({ field: 'attachment', ...file });

      expect(await intake.create(caller, { ...file, size: largest })).toMatchObject({ created: true });
      await expect(intake.create(caller, { ...file, size: largest + 1 })).rejects.toMatchObject({
        code: 'file_too_large',
        places: [{ pointer: '/size', detail: `must be at most ${largest}` }],
      });
      // A file that fits under the longest name and type fits under any.
      const longest = { filename: '\u{1F4CE}'.repeat(200), contentType: `x/${'x'.repeat(253)}` };
      const frame = frameOverhead({ field: 'attachment', ...longest });
      expect(await intake.limits()).toMatchObject({ maxFileBytes: 12_000_000 - frame });
    });
  });

  describe('the check of the work item', () => {
    it('is left out while the breaker is open', async () => {
      await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'signatureFailed' } }]);
      await world.deliver();
      const asked = world.ipd.requests.length;

      expect(await world.intake.create(caller, request)).toMatchObject({ created: true });

      expect(world.ipd.requests).toHaveLength(asked);
    });

    it('whose credential is refused stops deliveries and the next checks', async () => {
      await world.faults([{ match: { operation: 'list' }, fault: { kind: 'signatureFailed' } }]);
      await world.intake.create(caller, request);
      const { breaker } = await world.intake.limits();

      const upload = await world.deliver();
      await world.intake.create(caller, request);

      expect(breaker).toMatchObject({ state: 'open', retryAfterSeconds: 310 });
      expect(upload).toMatchObject({ status: 'staged', attempts: 0, lastError: { code: 'ipd_paused' } });
      expect(world.ipd.requests).toHaveLength(1);
    });

    it.each([
      ['work_item_missing', { missingIssues: [issueId] }],
      ['work_item_missing', { projects: [] }],
      ['ipd_forbidden', { forbiddenIssues: [issueId] }],
      ['work_item_full', { fullIssues: [issueId] }],
    ])('refuses with %s: %j', async (code, settings) => {
      const key = randomUUID();
      await world.ipdSettings(settings);

      await expect(world.intake.create(caller, request, key)).rejects.toMatchObject({ code });

      expect(await world.ledger.findKey(caller.owner, key)).toBeUndefined();
      await world.reset();
      expect(await world.intake.create(caller, request, key)).toMatchObject({ created: true });
    });

    it('lets 99 attachments pass', async () => {
      await world.faults([{ match: { operation: 'list' }, fault: { kind: 'listOf', count: 99 } }]);

      expect(await world.intake.create(caller, request)).toMatchObject({ created: true });
      expect(world.ipd.requests).toMatchObject([{ operation: 'list', issueId }]);
    });

    it.each([
      { kind: 'internalError' },
      { kind: 'throttled' },
      { kind: 'lostAnswer' },
      { kind: 'htmlSuccess' },
      { kind: 'signatureFailed' },
      { kind: 'notPublished' },
      { kind: 'error200' },
    ])('lets an upload pass that it cannot judge: %j', async (fault) => {
      await world.faults([{ match: { operation: 'list' }, fault }]);

      expect(await world.intake.create(caller, request)).toMatchObject({ created: true });
    });

    it.each([
      ['IPD is down', { endpoint: 'http://127.0.0.1:1' }],
      ['IAM is down', { iamEndpoint: 'http://127.0.0.1:1', auth: 'token' }],
      ['the credentials cannot be read', { credentials: { kind: 'inline', text: 'nonsense' } }],
      [
        'the credentials do not fit',
        { auth: 'token', credentials: { kind: 'inline', text: '{"accessKey":"a","secretKey":"b"}' } },
      ],
      ['there are no credentials', { credentials: undefined }],
    ] as const)('lets an upload pass when %s', async (_name, ipd) => {
      const { intake } = withIpd(ipd);

      expect(await intake.create(caller, request)).toMatchObject({ created: true });
      expect(await intake.limits()).toMatchObject({ maxFileBytes: world.config.maxFileBytes });
    });

    it.each([
      ['internalError', 'unconfirmed', 'pre-flight passed without an answer'],
      ['throttled', 'throttled', 'pre-flight passed without an answer'],
      ['error200', 'ipd_refused', 'pre-flight refused for a reason that is not the work item'],
    ])('that passed for %s is in the log', async (kind, code, message) => {
      const { lines, telemetry } = collectTelemetry();
      const { intake } = world.build({ telemetry });
      await world.faults([{ match: { operation: 'list' }, fault: { kind } }]);

      await intake.create(caller, request);

      expect(lines).toContainEqual(expect.objectContaining({ message, code, detail: expect.any(String) }));
    });

    it('is left out once the checks of this minute are used up', async () => {
      const { intake } = world.build({ config: { preflightsPerMinute: 1 } });
      world.clock.advance(MINUTE_MS);

      await intake.create(caller, request);
      await world.ipdSettings({ missingIssues: [issueId] });

      expect(await intake.create(caller, request)).toMatchObject({ created: true });
      expect(world.ipd.requests).toHaveLength(1);
    });

    it('can be switched off', async () => {
      const { intake } = world.build({ config: { preflight: false } });
      await world.ipdSettings({ missingIssues: [issueId] });

      expect(await intake.create(caller, request)).toMatchObject({ created: true });

      expect(world.ipd.requests).toEqual([]);
    });

    it('is not repeated for an upload that is there already', async () => {
      const key = randomUUID();
      await world.intake.create(caller, request, key);
      await world.ipdSettings({ fullIssues: [issueId] });

      expect(await world.intake.create(caller, request, key)).toMatchObject({ created: false });
      expect(world.ipd.requests).toHaveLength(1);
    });
  });
});
