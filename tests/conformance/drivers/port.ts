/** The driver's side of the protocol, for drivers that run in Node: settings from the environment, commands in, events out. */
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { readCommand } from '../protocol.ts';
import type { Capability, ClientEvent, Command } from '../protocol.ts';

const settings = z.object({
  API_URL: z.url(),
  TOKEN_URL: z.url(),
  FILE: z.string(),
  FILENAME: z.string(),
  CONTENT_TYPE: z.string(),
  PROJECT_ID: z.string(),
  ISSUE_ID: z.string(),
  STATE_DIRECTORY: z.string(),
  ORIGIN: z.url(),
  CLOCK_AHEAD_MS: z.coerce.number(),
});

export type Settings = z.infer<typeof settings>;

/** Throws what is missing. */
export function readSettings(): Settings {
  return settings.parse(process.env);
}

export function say(event: ClientEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

/** Says that the client is there, then does what it is asked to, until it is to end. */
export async function serve(
  can: Capability[],
  obey: (command: Exclude<Command, { command: 'exit' }>) => void,
): Promise<void> {
  say({ event: 'started', can });
  for await (const line of createInterface({ input: process.stdin })) {
    const command = readCommand(line);
    if (command.command === 'exit') return;
    obey({ ...command });
  }
}
