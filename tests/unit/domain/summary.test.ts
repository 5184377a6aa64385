import { describe, expect, it } from '@jest/globals';
import { summaryOf } from '../../../lib/domain/summary.ts';
import { after, legal, sent, transitions } from './transition-samples.ts';

const linked = after('stage', 'claim', 'changeToLink', 'startSending', 'markLinked');

describe('the summary of an upload', () => {
  it('names the attachment', () => {
    expect(summaryOf(after(...sent, 'markDelivered'))).toMatchObject({
      attachment: { id: '1' },
      link: null,
      removal: undefined,
    });
  });

  it('names the link, which is no attachment, and keeps its URL to itself', () => {
    expect(summaryOf(linked)).toMatchObject({
      attachment: null,
      link: { id: '9', expiresAt: expect.any(String) },
      removal: undefined,
    });
    expect(Object.keys(summaryOf(linked).link ?? {})).toEqual(['id', 'expiresAt']);
  });

  it('tells who removed a link', () => {
    expect(summaryOf(legal(transitions['remove']?.(linked)))).toMatchObject({
      attachment: null,
      link: null,
      removal: { at: expect.any(String), by: 'owner' },
    });
  });

  it.each([
    ['that is on its way', after(...sent)],
    ['that has failed', after('stage', 'claim', 'fail')],
  ])('names nothing of one %s', (_, upload) => {
    expect(summaryOf(upload)).toMatchObject({ attachment: null, link: null, removal: undefined });
  });
});
