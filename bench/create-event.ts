/** The event of a `POST /v1/uploads` as the gateway gives it to a function. */
import { randomUUID } from 'node:crypto';
import type { HttpEvent } from '../lib/http/gateway.ts';

/** From a user who has no upload yet, so that no quota is reached. */
export function newCreateEvent({ size }: { size: number }): HttpEvent {
  const http = {
    method: 'POST',
    path: '/v1/uploads',
    protocol: 'HTTP/1.1',
    sourceIp: '127.0.0.1',
    userAgent: 'bench',
  };
  return {
    version: '2.0',
    routeKey: 'POST /v1/uploads',
    rawPath: '/v1/uploads',
    rawQueryString: '',
    headers: { 'content-type': 'application/json', host: 'api.example.com' },
    requestContext: {
      accountId: '000000000000',
      apiId: 'bench',
      authorizer: {
        principalId: '',
        integrationLatency: 0,
        jwt: { claims: { sub: randomUUID() }, scopes: [] },
      },
      domainName: 'api.example.com',
      domainPrefix: 'api',
      http,
      requestId: randomUUID(),
      routeKey: 'POST /v1/uploads',
      stage: '$default',
      time: '',
      timeEpoch: 0,
    },
    body: JSON.stringify({
      projectId: '0123456789abcdef0123456789abcdef',
      issueId: '956239067176935400',
      filename: 'report.pdf',
      contentType: 'application/pdf',
      size,
    }),
    isBase64Encoded: false,
  };
}
