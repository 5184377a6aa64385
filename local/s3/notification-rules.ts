/**
 * Which objects and events a bucket's notification asks for, and which notifications a bucket can have at once. Pure.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
 */
import { S3Error } from './errors.ts';
import { decodeKey } from './key-encoding.ts';
import type { Notification } from './store.ts';

const EVERY_CREATION = 's3:ObjectCreated:*';

/** Reads the rules of one filter, whose values S3 takes URL-encoded; throws InvalidArgument. */
export function readFilters(rules: readonly { Name: string; Value: string }[]) {
  const filters = { prefix: '', suffix: '' };
  const seen = new Set<string>();
  for (const { Name, Value } of rules) {
    const name = Name.toLowerCase();
    if (name !== 'prefix' && name !== 'suffix') {
      throw new S3Error('InvalidArgument', 'filter rule name must be either prefix or suffix');
    }
    if (seen.has(name)) {
      throw new S3Error('InvalidArgument', `Cannot specify more than one ${name} rule in a filter.`);
    }
    if (decodeKey(Value) === undefined) {
      throw new S3Error('InvalidArgument', 'The value of a filter rule must be URL-encoded.');
    }
    seen.add(name);
    filters[name] = Value;
  }
  return filters;
}

/** Throws InvalidArgument when one event could go to two of these notifications. */
export function requireNoOverlap(notifications: readonly Notification[]): void {
  const overlap = notifications.some((one, index) =>
    notifications.slice(index + 1).some((other) => {
      return hasCommonEvent(one, other) && hasCommonKey(one, other);
    }),
  );
  if (!overlap) return;
  throw new S3Error(
    'InvalidArgument',
    'Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type.',
  );
}

/** Whether the notification's queue gets this event. */
export function wants(notification: Notification, key: string, eventName: string): boolean {
  const hasEvent = notification.events.some((event) => [`s3:${eventName}`, EVERY_CREATION].includes(event));
  const { prefix, suffix } = decodeFilters(notification);
  return hasEvent && key.startsWith(prefix) && key.endsWith(suffix);
}

/** Every event that this server sends is a creation. */
function hasCommonEvent(one: Notification, other: Notification): boolean {
  const isEvery = [one, other].some(({ events }) => events.includes(EVERY_CREATION));
  return isEvery || one.events.some((event) => other.events.includes(event));
}

function hasCommonKey(one: Notification, other: Notification): boolean {
  const [first, second] = [decodeFilters(one), decodeFilters(other)];
  const hasPrefix = first.prefix.startsWith(second.prefix) || second.prefix.startsWith(first.prefix);
  const hasSuffix = first.suffix.endsWith(second.suffix) || second.suffix.endsWith(first.suffix);
  return hasPrefix && hasSuffix;
}

function decodeFilters({ prefix, suffix }: Notification) {
  return { prefix: decodeKey(prefix) ?? prefix, suffix: decodeKey(suffix) ?? suffix };
}
