/** Gives out linked files: behind no sign-in, but a secret in the path. */
import middy from '@middy/core';
import { answerProblems, bindIds, pathParameter } from '../lib/http/gateway.ts';
import type { HttpEvent, HttpResult } from '../lib/http/gateway.ts';
import { showProblems } from '../lib/http/problem-page.ts';
import { untimed } from '../lib/runtime/invocation.ts';
import { services as ofContainer } from '../lib/services.ts';
import type { Services } from '../lib/services.ts';

export const handler = createHandler(ofContainer);

/** The handler over these services. */
export function createHandler(services: () => Services) {
  return middy<HttpEvent, HttpResult>(untimed)
    .use(bindIds())
    .use(showProblems())
    .use(answerProblems({ services }))
    .handler(async (event: HttpEvent): Promise<HttpResult> => {
      const { downloads } = services();
      const location = await downloads.find(pathParameter(event, 'id'), pathParameter(event, 'secret'));
      const headers = { location, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' };
      return { statusCode: 302, headers };
    });
}
