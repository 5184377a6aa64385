import { expect, it } from '@jest/globals';
import { contactOfList } from '../../../lib/pacing/contact.ts';

const detail = 'words';

it.each([
  [{ kind: 'listed' as const, attachments: [], isGiven: true }, 'listed'],
  [{ kind: 'refused' as const, code: 'ipd_refused' as const, detail }, 'listed'],
  [{ kind: 'throttled' as const, isRefusal: true, detail }, 'listed'],
  [{ kind: 'token_dead' as const, detail }, 'listed'],
  [{ kind: 'locked_out' as const, detail }, 'locked_out'],
  [{ kind: 'unavailable' as const, detail }, 'unreachable'],
  [{ kind: 'unconfirmed' as const, detail }, 'list_failed'],
])('the breaker learns from %j: %s', (listed, contact) => {
  expect(contactOfList(listed)).toBe(contact);
});
