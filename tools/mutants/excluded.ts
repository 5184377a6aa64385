/**
 * Mutants that nothing can find, each with its proof, and guards that nothing needed. `npm run mutants` fails where an
 * exclusion fits no mutant any more.
 */

export type Exclusion = {
  /** The identity of the mutant, as `npm run mutants -- --list` prints it. */
  mutant: string;
  /** Why the product behaves the same with it, in a sentence. */
  proof: string;
};

export const excluded: Exclusion[] = [
  {
    mutant: 'lib/domain/endings.ts fail clause: without upload beside ??',
    proof:
      'An upload whose doubt is accepted is not delivered (markDelivered removes the doubt, and nothing adds one after it), and markDelivered is undefined for delivered uploads alone.',
  },
];

/** Guards that mutants proved needless, and that the product has lost: where each was, and why it could go. */
export const removed: { guard: string; reason: string }[] = [];

/** The exclusions that fit none of these mutants. */
export function unmatched(mutants: { id: string }[], exclusions: Exclusion[]): Exclusion[] {
  const ids = new Set(mutants.map(({ id }) => id));
  return exclusions.filter(({ mutant }) => !ids.has(mutant));
}
