import { afterEach, describe, expect, it } from '@jest/globals';
import { createJobs, randomKey } from '../../../packages/expo/src/jobs.ts';
import { createPhoneInMemory } from '../../support/phone-in-memory.ts';

const { random } = Math;
const job = {
  key: 'k',
  about: { projectId: 'p', issueId: 'i', filename: 'f', contentType: 'image/png', size: 10 },
};

afterEach(() => {
  Object.assign(Math, { random });
});

describe('the records of uploads', () => {
  it('are listed without those that cannot be read', async () => {
    const { store, records } = createPhoneInMemory();
    records.set('spoilt', '{"key":');
    const jobs = createJobs({ ...store, keys: async () => [...(await store.keys()), 'gone'] });
    await jobs.save(job);

    expect(await jobs.all()).toEqual([job]);
    expect(await Promise.all(['k', 'spoilt', 'gone'].map(jobs.load))).toEqual([job, undefined, undefined]);
  });
});

describe('a random key', () => {
  it('has all that four random numbers have, written with digits and letters', () => {
    Object.assign(Math, { random: () => 1 / 2 });

    expect(randomKey()).toBe('iiii');
  });
});
