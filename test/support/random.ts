// Math.random() by a seed, for what the library itself draws.

/**
 * Lets `Math.random()` give the same numbers for the same seed.
 *
 * @returns Ends that.
 */
export function seedRandom(seed: number): () => void {
  const { random } = Math;
  let state = seed;
  Math.random = () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
  return () => void (Math.random = random);
}
