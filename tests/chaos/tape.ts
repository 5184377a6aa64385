/**
 * A run as a list of choices. At each choice point of a simulated world (a fault that can happen at a call) the tape
 * takes the default, which is that nothing happens, unless it has a deviation for this point. The same tape gives the
 * same run, so a run can be repeated with one deviation more.
 */

/** At the choice point with this number, this alternative is taken. */
export type Deviation = { point: number; alternative: number };

export type ChoicePoint = {
  /** Which function calls what: `deliver: write delivering`. */
  site: string;
  /** The kind of fault that can happen here. */
  kind: string;
  /** In how many ways it can happen. */
  alternatives: number;
};

/** For people and for a repeated run: `412.1+500.0`. */
export function toText(deviations: readonly Deviation[]): string {
  return deviations.map(({ point, alternative }) => `${point}.${alternative}`).join('+');
}

/** Undefined for a text that is no tape. */
export function readTape(text: string): Deviation[] | undefined {
  if (text === '') return [];
  if (!/^\d+\.\d+(?:\+\d+\.\d+)*$/.test(text)) return undefined;
  return text.split('+').map((part) => {
    const [point, alternative] = part.split('.');
    return { point: Number(point), alternative: Number(alternative) };
  });
}

export type Tape = ReturnType<typeof createTape>;

/** A tape with these deviations, in the order of their points. With `kinds`, only these kinds of faults are offered. */
export function createTape(
  deviations: readonly Deviation[],
  {
    kinds,
    onTaken,
  }: {
    kinds?: ReadonlySet<string> | undefined;
    /** Called with every alternative that is taken. */
    onTaken?: (taken: unknown) => void;
  } = {},
) {
  const points: ChoicePoint[] = [];
  let taken = 0;
  let isClosed = false;

  return {
    /**
     * What the tape takes of these alternatives; undefined for the default. `isAlone`: no other deviation goes with this
     * one.
     */
    choose<T>(site: string, kind: string, all: readonly T[], { isAlone = false } = {}): T | undefined {
      const isOffered = !isClosed && !(isAlone && taken > 0) && kinds?.has(kind) !== false;
      points.push({ site, kind, alternatives: isOffered ? all.length : 0 });
      const next = deviations[taken];
      if (next?.point !== points.length - 1) return undefined;
      taken += 1;
      isClosed = isAlone;
      onTaken?.(all[next.alternative]);
      return all[next.alternative];
    },
    /** The points that the run has come to, in order. */
    points: (): readonly ChoicePoint[] => points,
    /** True when no deviation is left. */
    isPlayed: () => taken === deviations.length,
  };
}
