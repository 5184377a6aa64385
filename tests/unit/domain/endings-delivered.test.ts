import { describe, expect, it } from '@jest/globals';
import * as endings from '../../../lib/domain/endings.ts';
import { after, legal, moment, sent } from './transition-samples.ts';

describe('an upload that was delivered without an id', () => {
  it('is not delivered again without one: subscribers have got that notification', () => {
    const nameless = legal(endings.markDelivered(after(...sent), { attachmentId: null, ...moment }));

    expect(endings.markDelivered(nameless, { attachmentId: null, ...moment })).toBeUndefined();
  });
});
