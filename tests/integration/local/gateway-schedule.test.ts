import { describe, expect, it, jest } from '@jest/globals';
import { readRate, startSchedule } from '../../../local/gateway/schedule.ts';

describe('readRate', () => {
  it.each([
    ['rate(1 minute)', 60_000],
    ['rate(5 minutes)', 300_000],
    ['rate(2 hours)', 7_200_000],
    ['rate(1 day)', 86_400_000],
  ])('reads %s', (rate, expected) => {
    expect(readRate(rate)).toBe(expected);
  });

  it.each(['cron(0 * * * ? *)', 'rate(0 minutes)', 'rate(1 second)', '1 minute'])('refuses %s', (rate) => {
    expect(() => readRate(rate)).toThrow(`not ${rate}`);
  });
});

describe('startSchedule', () => {
  const settings = { name: 'probe-1', rate: 'rate(1 minute)', region: 'eu-central-1' };

  it('runs once each interval until it is stopped, and outlives a run that fails', () => {
    jest.useFakeTimers();
    let runs = 0;
    const invoke = async (): Promise<string> => {
      runs += 1;
      throw new Error('failed');
    };
    const schedule = startSchedule({ ...settings, invoke });

    jest.advanceTimersByTime(180_000);
    schedule.stop();
    jest.advanceTimersByTime(180_000);

    expect(runs).toBe(3);
    jest.useRealTimers();
  });

  it('fires at once on demand with the event of EventBridge', async () => {
    const events: object[] = [];
    const invoke = async (event: object): Promise<string> => {
      events.push(event);
      return 'null';
    };
    const schedule = startSchedule({ ...settings, invoke });

    await schedule.fire();
    schedule.stop();

    expect(events).toEqual([
      {
        version: '0',
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        'detail-type': 'Scheduled Event',
        source: 'aws.events',
        account: '000000000000',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        region: 'eu-central-1',
        resources: ['arn:aws:events:eu-central-1:000000000000:rule/probe-1'],
        detail: {},
      },
    ]);
  });
});
