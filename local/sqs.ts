/**
 * SQS and SNS for the embedded stack: fauxqs on loopback, in memory, for those who may. A restart forgets what was
 * queued; the ledger does not, so the sweep queues it again.
 */
import { buildApp } from 'fauxqs';
import { z } from 'zod';
import type { Access, Allows } from './iam/policy.ts';
import { signerOf } from './iam/signed.ts';
import { addressOf } from './listen.ts';

/** SQS is spoken to in JSON, SNS in forms. */
const bodySchema = z.looseObject({
  QueueUrl: z.string().optional(),
  Action: z.string().optional(),
  TopicArn: z.string().optional(),
});

/** Starts both services on one port of loopback. */
export async function startSqs({
  port,
  region,
  allows = () => true,
}: {
  port: number;
  region: string;
  allows?: Allows | undefined;
}) {
  // Not fauxqs' own start function: that one listens on every interface.
  const app = buildApp({ logger: false, defaultRegion: region });
  app.addHook('preHandler', async (request, reply) => {
    const { authorization, 'x-amz-target': target } = request.headers;
    const body = bodySchema.safeParse(request.body).data;
    if (body === undefined || allows(accessOf({ authorization, target: String(target ?? '') }, body))) return;
    await reply.code(403).send({ __type: 'AccessDenied', message: 'the role does not allow it' });
  });
  await app.listen({ host: '127.0.0.1', port });
  return {
    ...addressOf(app.server),
    close: async () => {
      // Long polls would hold it open for 20 s.
      app.server.closeAllConnections();
      await app.close();
    },
  };
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html */
function accessOf(
  { authorization, target }: { authorization: string | undefined; target: string },
  { QueueUrl = '', Action, TopicArn = '' }: z.infer<typeof bodySchema>,
): Access {
  const { accessKeyId, region } = signerOf(authorization);
  if (Action !== undefined) return { accessKeyId, action: `sns:${Action}`, resource: TopicArn };
  const [, operation = ''] = target.split('.');
  const queue = QueueUrl.slice(QueueUrl.lastIndexOf('/') + 1);
  // A batch of messages is allowed like one.
  const action = `sqs:${operation.replace(/Batch$/, '')}`;
  return { accessKeyId, action, resource: `arn:aws:sqs:${region}:000000000000:${queue}` };
}
