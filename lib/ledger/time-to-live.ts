/** When DynamoDB may forget an item. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html */

/** As DynamoDB's time to live has it: seconds since the epoch. */
export function toSeconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
