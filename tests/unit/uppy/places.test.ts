import { describe, expect, it } from '@jest/globals';
import { createPlaces } from '../../../packages/uppy/src/places.ts';

describe('the places in which files go to storage', () => {
  it('are as many as there are, and the next one is for who came first', async () => {
    const places = createPlaces(2);
    const came: string[] = [];
    const enter = async (name: string) => {
      const leave = await places.enter();
      came.push(name);
      return leave;
    };
    const settled = () => new Promise(setImmediate);

    const leaves = await Promise.all(['a', 'b'].map(enter));
    const waiting = ['c', 'd', 'e'].map(enter);
    await settled();
    expect(came).toEqual(['a', 'b']);

    leaves[0]?.();
    leaves[0]?.();
    await settled();
    expect(came).toEqual(['a', 'b', 'c']);

    leaves[1]?.();
    (await waiting[0])?.();
    await settled();
    expect(came).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('are free again when all have left', async () => {
    const places = createPlaces(1);
    (await places.enter())();

    const leave = await places.enter();
    let isSecondInside = false;
    const second = places.enter().then((leaveSecond) => {
      isSecondInside = true;
      return leaveSecond;
    });
    await new Promise(setImmediate);
    expect(isSecondInside).toBe(false);

    leave();
    (await second)();
    expect(isSecondInside).toBe(true);
  });
});
