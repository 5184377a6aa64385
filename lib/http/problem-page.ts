/** A problem as a page, for a person who has followed a link: a browser shows JSON as it is. */
import type { MiddlewareObj, Request } from '@middy/core';
import type { HttpEvent, HttpResult } from './gateway.ts';
import * as z from 'zod';

const problem = z.object({ title: z.string(), userMessage: z.string() });

/** Answers a browser with a page where `answerProblems`, used after this, has answered with a problem document. */
export function showProblems(): MiddlewareObj<HttpEvent, HttpResult> {
  return {
    onError: async function showProblem({
      event,
      response,
    }: Request<HttpEvent, HttpResult>): Promise<HttpResult | undefined> {
      if (!response || !/\btext\/html\b/.test(event.headers['accept'] ?? '')) return undefined;
      const language = String(response.headers?.['content-language'] ?? 'en');
      const headers = { ...response.headers, 'content-type': 'text/html; charset=utf-8', ...PAGE_HEADERS };
      return { ...response, headers, body: pageOf(problem.parse(JSON.parse(response.body ?? '')), language) };
    },
  };
}

/** The page loads nothing and is shown in no other page. */
const PAGE_HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
};

/** The texts are the catalogue's own, so nothing in them has to be escaped. */
function pageOf({ title, userMessage }: z.infer<typeof problem>, language: string): string {
  return `<!doctype html><html lang="${language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><h1>${title}</h1><p>${userMessage}</p></html>`;
}
