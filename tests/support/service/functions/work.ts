/** A function of the probe service: logs each event, and fails the messages that ask for it. */

interface Message {
  messageId: string;
  body: string;
}

export async function handler(event: { Records?: Message[] }): Promise<unknown> {
  console.log(JSON.stringify(event));
  const records = event.Records ?? [];
  if (records.some(({ body }) => body === 'throw')) throw new Error('asked to throw');
  if (records.some(({ body }) => body === 'nonsense'))
    return { batchItemFailures: [{ itemIdentifier: 'unknown' }] };
  const failed = records.filter(({ body }) => body === 'fail');
  return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
}
