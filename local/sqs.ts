/**
 * SQS and SNS for the embedded stack: fauxqs on loopback, in memory, behind a check of signatures and permissions. A
 * restart loses the queued messages; the ledger keeps the uploads, so the sweep queues them again.
 */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { buildApp } from 'fauxqs';
import { z } from 'zod';
import type { Access, Allows } from './iam/policy.ts';
import { createSignatureCheck } from './iam/signed.ts';
import type { Signer } from './iam/signed.ts';
import type { AwsKey } from './keys.ts';
import { addressOf } from './listen.ts';
import { guardVisitors } from './visitors.ts';

/** SQS requests are JSON, SNS requests are forms. */
const bodySchema = z.looseObject({
  QueueUrl: z.string().optional(),
  Action: z.string().optional(),
  TopicArn: z.string().optional(),
});

/** Starts both services on one port of loopback. */
export async function startSqs({
  port,
  region,
  credentials,
  allows = () => true,
}: {
  port: number;
  region: string;
  credentials: readonly AwsKey[];
  allows?: Allows | undefined;
}) {
  // Not fauxqs' own start function, which listens on every interface.
  const app = buildApp({ logger: false, defaultRegion: region });
  const findSigner = createSignatureCheck({ keys: credentials, services: ['sqs', 'sns'] });
  const signers = new WeakMap<object, Signer>();
  app.addHook('preParsing', async (request, reply, payload) => {
    const { method, originalUrl: url, headers } = request;
    const body = await buffer(payload);
    const signer = await findSigner({ method, url, headers, body });
    if (signer === undefined) {
      await reply.code(403).send({
        __type: 'UnrecognizedClientException',
        message: 'the request is not signed with a key of this stack',
      });
      return undefined;
    }
    signers.set(request, signer);
    return Object.assign(Readable.from([body]), { receivedEncodedLength: body.length });
  });
  app.addHook('preHandler', async (request, reply) => {
    const signer = signers.get(request);
    const body = bodySchema.safeParse(request.body).data ?? {};
    const target = String(request.headers['x-amz-target'] ?? '');
    if (signer !== undefined && allows(accessOf({ signer, target }, body))) return;
    await reply.code(403).send({ __type: 'AccessDenied', message: 'the role does not allow it' });
  });
  guardVisitors(app.server, { pages: { kind: 'none' }, hosts: [] });
  await app.listen({ host: '127.0.0.1', port });
  return {
    ...addressOf(app.server),
    close: async () => {
      // Long polls would keep the server open for 20 s.
      app.server.closeAllConnections();
      await app.close();
    },
  };
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html */
function accessOf(
  { signer: { accessKeyId, region }, target }: { signer: Signer; target: string },
  { QueueUrl = '', Action, TopicArn = '' }: z.infer<typeof bodySchema>,
): Access {
  if (Action !== undefined) return { accessKeyId, action: `sns:${Action}`, resource: TopicArn };
  const [, operation = ''] = target.split('.');
  const queue = QueueUrl.slice(QueueUrl.lastIndexOf('/') + 1);
  // A batch needs the same permission as a single message.
  const action = `sqs:${operation.replace(/Batch$/, '')}`;
  return { accessKeyId, action, resource: `arn:aws:sqs:${region}:000000000000:${queue}` };
}
