/**
 * The lines between the suite and a driver, as PROTOCOL.md tells them. A client under test is outside: what it says is
 * parsed here and trusted nowhere else.
 */
import { z } from 'zod';

export const CAPABILITIES = ['pause', 'cancel', 'network', 'clock', 'list'] as const;

const event = z.discriminatedUnion('event', [
  z.object({ event: z.literal('started'), can: z.array(z.enum(CAPABILITIES)) }),
  z.object({ event: z.literal('created'), id: z.string() }),
  z.object({ event: z.literal('staged'), part: z.int().positive() }),
  z.object({ event: z.literal('staging_done') }),
  z.object({ event: z.literal('status'), status: z.string() }),
  z.object({ event: z.literal('paused'), reason: z.string().nullable() }),
  z.object({ event: z.literal('nothing') }),
  z.object({
    event: z.literal('finished'),
    status: z.string(),
    attachment: z.string().nullish(),
    error: z.object({ code: z.string(), message: z.string() }).nullish(),
  }),
  z.object({ event: z.literal('left'), items: z.array(z.string()) }),
]);

const command = z.discriminatedUnion('command', [
  z.object({ command: z.enum(['upload', 'resume', 'cancel']) }),
  z.object({ command: z.literal('exit') }),
  z.object({ command: z.literal('network'), online: z.boolean() }),
]);

export type Capability = (typeof CAPABILITIES)[number];
export type ClientEvent = z.infer<typeof event>;
export type Finished = Extract<ClientEvent, { event: 'finished' }>;
export type Command = z.infer<typeof command>;

/** Throws what is wrong with a line that a driver has written. */
export function readEvent(line: string): ClientEvent {
  return event.parse(JSON.parse(line));
}

/** Throws what is wrong with a line that the suite has written. */
export function readCommand(line: string): Command {
  return command.parse(JSON.parse(line));
}

/** A step of a client by name, such as `created`, `staged 2` or `status delivering`. */
export function nameOf(said: ClientEvent): string {
  if (said.event === 'staged') return `staged ${said.part}`;
  if (said.event === 'status' || said.event === 'finished') return `${said.event} ${said.status}`;
  if (said.event === 'paused') return said.reason === null ? 'goes on' : `paused ${said.reason}`;
  return said.event;
}
