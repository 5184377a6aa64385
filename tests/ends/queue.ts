/**
 * A queue in memory: standard SQS with delays, a visibility timeout and a redrive policy. No function reads the dead
 * letters: the product must not need those of deliveries. No faults are injected here.
 */
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';

export type QueueMessage = { id: number; body: string; receives: number };

type Kept = QueueMessage & { visibleAt: number };

export type MessageQueue = ReturnType<typeof createMessageQueue>;

/** The caller gives the time; `onSent` is called with the delay after which a message becomes visible. */
export function createMessageQueue(options: {
  now: () => number;
  visibilityMs: number;
  maxReceives: number;
  onSent?: (delayMs: number) => void;
}) {
  const { now, visibilityMs, maxReceives, onSent } = options;
  const messages = new Map<number, Kept>();
  const dead: QueueMessage[] = [];
  let lastId = 0;

  function send(body: string, delayMs = 0): void {
    lastId += 1;
    messages.set(lastId, { id: lastId, body, receives: 0, visibleAt: now() + delayMs });
    onSent?.(delayMs);
  }

  /** The visible message that `choose` picks; it hides until it is removed or its time is up. */
  function receive(choose: (count: number) => number = () => 0): QueueMessage | undefined {
    for (const message of messages.values()) {
      if (message.visibleAt > now() || message.receives < maxReceives) continue;
      messages.delete(message.id);
      dead.push(message);
    }
    const visible = [...messages.values()].filter(({ visibleAt }) => visibleAt <= now());
    const message = visible[choose(visible.length)];
    if (message === undefined) return undefined;
    message.receives += 1;
    message.visibleAt = now() + visibilityMs;
    return message;
  }

  /** Carries out one command. */
  function execute(command: object): object {
    if (command instanceof SendMessageCommand) {
      send(command.input.MessageBody ?? '', (command.input.DelaySeconds ?? 0) * 1000);
      return {};
    }
    if (command instanceof ReceiveMessageCommand) {
      const message = receive();
      if (message === undefined) return {};
      return { Messages: [{ Body: message.body, ReceiptHandle: String(message.id) }] };
    }
    if (command instanceof DeleteMessageCommand) {
      messages.delete(Number(command.input.ReceiptHandle));
      return {};
    }
    if (command instanceof GetQueueAttributesCommand) {
      const hidden = [...messages.values()].filter(({ visibleAt }) => visibleAt > now());
      const delayed = hidden.filter(({ receives }) => receives === 0).length;
      return {
        Attributes: {
          ApproximateNumberOfMessages: String(messages.size - hidden.length),
          ApproximateNumberOfMessagesDelayed: String(delayed),
          ApproximateNumberOfMessagesNotVisible: String(hidden.length - delayed),
        },
      };
    }
    throw new TypeError(`the queue does not know ${command.constructor.name}`);
  }

  return {
    execute,
    send,
    receive,
    remove: (id: number) => messages.delete(id),
    isEmpty: () => messages.size === 0,
    /** An operator moves the dead letters back; each becomes a new message. */
    redrive: () => {
      for (const { body } of dead.splice(0)) send(body);
    },
    all: () => [...messages.values()],
    dead,
  };
}
