import { expect, it } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { useWorld } from '../../support/use-world.ts';
import { caller, issueId } from '../../support/world.ts';
import { request } from '../../support/ways-to-end.ts';

const world = await useWorld({ ends: 'sockets' });

it('the check of the work item takes an IPD that is slow for none that is down', async () => {
  await world.faults([{ match: { operation: 'list' }, fault: { kind: 'slowAnswer', seconds: 3600 } }]);
  const before = await world.ledger.readState('breaker');

  for (const count of [1, 2, 3, 4, 5, 6]) {
    const clock: typeof world.clock = {
      ...world.clock,
      timeout() {
        const ending = new AbortController();
        void eventually(() => world.ipd.requests.length === count).then(() => ending.abort());
        return ending.signal;
      },
    };
    const { intake } = world.build({ clock });
    await intake.create(caller, { ...request, issueId: `${issueId}${count}` });
  }

  expect(await world.intake.limits()).toMatchObject({ breaker: { state: 'closed' } });
  expect(await world.ledger.readState('breaker')).toEqual(before);
});

it.each([
  ['IPD', 'aksk', 'list'],
  ['IAM', 'token', 'token'],
] as const)(
  'the check of the work item lets an upload pass after 2 s when %s is slow',
  async (_name, auth, operation) => {
    const limits: number[] = [];
    const isAsked = () => world.ipd.requests.some((one) => one.operation === operation);
    const clock: typeof world.clock = {
      ...world.clock,
      // The check is the first to set a limit, and its time is over once it waits for the slow answer.
      timeout(ms) {
        const ending = new AbortController();
        if (limits.push(ms) === 1) void eventually(isAsked).then(() => ending.abort());
        return ending.signal;
      },
    };
    const { intake } = world.build({ clock, config: { ipd: { ...world.config.ipd, auth } } });
    await world.faults([{ match: { operation }, fault: { kind: 'slowAnswer', seconds: 3600 } }]);

    expect(await intake.create(caller, request)).toMatchObject({ created: true });

    expect(limits[0]).toBe(2000);
  },
);
