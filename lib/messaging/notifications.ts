/**
 * Notifies subscribers how an upload has ended: one message to an SNS topic. It may come more than once, and then
 * carries the same deduplication id. The caller decides when; throws when a message cannot be sent.
 * https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
 */
import { sourceOf, summaryOf } from '../domain/summary.ts';
import { failed } from '../runtime/aws-errors.ts';
import type { Sns } from './sns.ts';
import type { Notification, Upload } from '../domain/upload.ts';

export type Notifications = ReturnType<typeof createNotifications>;

/** Of the message's form: members may be added to it, none is taken away or given another meaning. */
const VERSION = '1';

/** `sns` is called only when there is something to send. Without a topic no message is sent. */
export function createNotifications({
  sns,
  topicArn,
}: {
  sns: () => Promise<Sns>;
  topicArn: string | undefined;
}) {
  async function publish(upload: Upload, notification: Notification): Promise<void> {
    if (topicArn === undefined) return;
    const message = toMessage(upload, notification);
    const attributes = { type: notification.type, projectId: upload.projectId };
    const { client, PublishCommand } = await sns();
    const command = new PublishCommand({
      TopicArn: topicArn,
      Message: JSON.stringify(message),
      // Subscriptions may filter by them.
      MessageAttributes: Object.fromEntries(
        Object.entries(attributes)
          // SNS refuses an attribute without a value. An offer that was refused may name no project.
          .filter(([, value]) => value !== '')
          .map(([name, value]) => [name, { DataType: 'String', StringValue: value }]),
      ),
    });
    await client.send(command).catch(failed(`notifying of the end of upload ${upload.id}`));
  }

  return { publish };
}

/** What subscribers get: enough to tell the user, and to find the attachment. */
export function toMessage(upload: Upload, { type, at, replayed }: Notification) {
  const { id, owner, uploadedBy, projectId, issueId, filename, contentType, sha256, status, createdAt } =
    upload;
  const { size, attachment, link, removal, error } = summaryOf(upload);
  return {
    version: VERSION,
    type,
    deduplicationId: `${id}-${type}-${Date.parse(at)}`,
    time: at,
    replayed,
    upload: {
      source: sourceOf(upload),
      id,
      owner,
      uploadedBy,
      projectId,
      issueId,
      filename,
      contentType,
      size,
      sha256,
      status,
      createdAt,
      attachment,
      link,
      removal,
      error,
    },
  };
}
