import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readRecord } from '../../../lib/ledger/record.ts';

const path = join(import.meta.dirname, '../../fixtures/records/schema-0.json');
const records = z.record(z.string(), z.looseObject({})).parse(JSON.parse(readFileSync(path, 'utf8')));

describe('a record of the first form', () => {
  it.each(['awaiting_upload', 'staged', 'delivering', 'waiting', 'delivered', 'failed'])(
    'has no baseline while nothing was sent that is in doubt, so one is made before it is sent: %s',
    (name) => {
      expect(readRecord({ ...records[name], pk: 'upload#1' }).baseline).toBeUndefined();
    },
  );

  it.each(['sending', 'unconfirmed'])('has an empty baseline once IPD may have it: %s', (name) => {
    expect(readRecord({ ...records[name], pk: 'upload#1' }).baseline).toEqual([]);
  });

  it.each(['sending', 'unconfirmed'])('keeps its baseline: %s', (name) => {
    const baseline = ['956239067176999001'];

    expect(readRecord({ ...records[name], baseline, pk: 'upload#1' }).baseline).toEqual(baseline);
  });

  it('holds nothing that is unknown, nor what the ledger adds at each write', () => {
    const added = { pk: 'upload#1', writeId: 'w', dueShard: '1', openOwner: 'user-1', expiresAt: 1 };

    expect(readRecord({ ...records['staged'], ...added }).others).toBeUndefined();
  });

  it('begins its doubt anew, with no list that was read without the file', () => {
    expect(readRecord({ ...records['unconfirmed'], pk: 'upload#1' })).toMatchObject({
      doubt: { absences: 0, accepted: false },
    });
  });
});
