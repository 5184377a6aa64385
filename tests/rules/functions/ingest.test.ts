import { expect, it } from '@jest/globals';
import { createHandler } from '../../../functions/ingest.ts';
import { lambdaContext } from '../../support/lambda-event.ts';
import { queueEvent } from '../../support/queue-event.ts';
import { collectErrors } from '../../support/surroundings.ts';
import { useIngest } from '../../support/use-ingest.ts';

const world = await useIngest();

it('takes what the queue brings, and gives back what is no message of it', async () => {
  const drop = await world.put();
  const { errors, telemetry } = collectErrors();
  const services = world.build({ telemetry });

  const result = await createHandler(() => services)(
    queueEvent('no message', drop.event),
    lambdaContext(300_000),
  );

  expect(result).toEqual({ batchItemFailures: [{ itemIdentifier: 'message-1' }] });
  expect(errors).toMatchObject([{ fields: { messageId: 'message-1' } }]);
  expect(await world.find(drop.id)).toMatchObject({ status: 'staged' });
});
