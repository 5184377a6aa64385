/**
 * EventBridge schedules of the form `rate(1 minute)`. As on AWS a slow run does not delay the next one; unlike
 * on AWS a failed run is not repeated, since the next one comes soon.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
 */
import { randomUUID } from 'node:crypto';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../lib/domain/units.ts';

export interface ScheduleOptions {
  name: string;
  rate: string;
  region: string;
  /** Runs the function; the runner reports a failure. */
  invoke: (event: object) => Promise<string>;
}

const RATE = /^rate\((?<count>[1-9]\d*) (?<unit>minute|hour|day)s?\)$/;
const UNIT_MS: Record<string, number> = { minute: MINUTE_MS, hour: HOUR_MS, day: DAY_MS };

/** Starts the clock; `fire` runs the function now and settles with it. */
export function startSchedule(options: ScheduleOptions): { fire: () => Promise<void>; stop: () => void } {
  const fire = async (): Promise<void> => {
    await options.invoke(toEvent(options, new Date()));
  };
  const timer = setInterval(() => {
    fire().catch(() => undefined);
  }, readRate(options.rate));
  return { fire, stop: () => clearInterval(timer) };
}

/** Milliseconds between two runs; throws when the expression is anything but a rate. */
export function readRate(rate: string): number {
  const groups = RATE.exec(rate)?.groups;
  const unit = UNIT_MS[groups?.['unit'] ?? ''];
  if (unit === undefined)
    throw new Error(`The embedded stack knows schedules like rate(1 minute) only, not ${rate}`);
  return Number(groups?.['count']) * unit;
}

/** https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-scheduled-event.html */
function toEvent({ name, region }: ScheduleOptions, now: Date): object {
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': 'Scheduled Event',
    source: 'aws.events',
    account: '000000000000',
    time: `${now.toISOString().slice(0, 19)}Z`,
    region,
    resources: [`arn:aws:events:${region}:000000000000:rule/${name}`],
    detail: {},
  };
}
