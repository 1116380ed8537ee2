// How far apart two names are, so that an error can say which name was probably meant.

/**
 * How many letters have to be left out, put in, replaced, or swapped with their neighbour to turn
 * one name into the other: the optimal string alignment distance. Upper and lower case are the
 * same.
 *
 * @param a A name.
 * @param b Another.
 * @returns The number of such changes; at most the length of the longer name.
 */
export function distance(a: string, b: string): number {
  const [from, to] = [a.toLowerCase(), b.toLowerCase()];
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1] ? 0 : 1;
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same);
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        row[j] = Math.min(row[j]!, before[j - 2]! + 1);
      }
    }
    before = last;
    last = row;
  }
  return last[to.length]!;
}

/**
 * Finds the name that was probably meant.
 *
 * @param name What was written.
 * @param names The right names.
 * @returns The nearest of them; undefined when more than a third of the letters would have to
 * change.
 */
export function nearest(name: string, names: Iterable<string>): string | undefined {
  let found: string | undefined;
  let least = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of names) {
    const changes = distance(name, candidate);
    if (changes >= least) continue;
    least = changes;
    found = candidate;
  }
  return found;
}
