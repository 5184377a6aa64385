/** A function of the probe service: does what the query parameter `do` asks, or gives back what it was given. */
import { pid } from 'node:process';

interface Call {
  queryStringParameters?: Record<string, string>;
}

export async function handler(
  event: Call,
  context: { getRemainingTimeInMillis: () => number },
): Promise<unknown> {
  const wish = event.queryStringParameters?.['do'];
  switch (wish) {
    case 'throw':
      throw new Error('asked to throw');
    case 'crash':
      return process.exit(3);
    case 'spin':
      console.log('spinning');
      for (;;);
    case 'malformed':
      return { statusCode: 'not a number', body: 1 };
    case 'text':
      return 'plain text';
    case 'binary':
      return {
        statusCode: 201,
        headers: { 'Content-Type': 'image/png', ETag: '"1"' },
        cookies: ['a=1', 'b=2'],
        isBase64Encoded: true,
        body: 'AAH/',
      };
    case 'pid':
      return { pid };
    case 'environment':
      return process.env;
    case 'context':
      return { ...context, remaining: context.getRemainingTimeInMillis() };
    default:
      return event;
  }
}
