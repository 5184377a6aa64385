/** Calls a function of the HTTP API as the gateway does, and compares its answer with openapi.yaml. */
import type { Context } from 'aws-lambda';
import type { HttpEvent, HttpResult } from '../../lib/http/gateway.ts';
import { readAnswer } from './answer.ts';
import { expectContract } from './contract.ts';
import { httpEvent, lambdaContext } from './lambda-event.ts';
import type { HttpCall } from './lambda-event.ts';
import { checkAnswer } from './secrets.ts';

type Handler = (event: HttpEvent, context: Context) => Promise<HttpResult>;

/** Calls the handler and reads its answer, which has to be one that openapi.yaml describes. */
export async function callHttp(
  handler: Handler,
  { remainingMs, ...call }: HttpCall & { remainingMs?: number },
) {
  const answer = await handler(httpEvent(call), lambdaContext(remainingMs));
  const { statusCode = 0, headers = {}, body = '' } = answer;
  checkAnswer(call.route, statusCode, JSON.stringify(answer));
  expectContract({ request: call.route, status: statusCode, headers: Object.entries(headers), body });
  return { status: statusCode, headers, ...readAnswer(body) };
}
