/** The user's tokens, for drivers in Node and in a page. */
import type { Settings } from './port.ts';

/** Keeps a token until the API refuses it, as an app does that cannot trust its clock. */
export function createTokens({ TOKEN_URL }: Settings): (refused?: string) => Promise<string> {
  let kept: string | undefined;
  return async (refused) => {
    if (kept !== undefined && kept !== refused) return kept;
    const answer: { token: string } = JSON.parse(await (await fetch(TOKEN_URL)).text());
    return (kept = answer.token);
  };
}
