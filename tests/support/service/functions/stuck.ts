/** A function of the probe service that never answers. It notifies its process before it gets an event. */
import { pid } from 'node:process';

console.log(`pid ${pid}`);

export async function handler(event: { queryStringParameters?: Record<string, string> }): Promise<unknown> {
  if (event.queryStringParameters?.['do'] === 'hang') {
    return new Promise(() => setInterval(() => undefined, 1000));
  }
  for (;;);
}
