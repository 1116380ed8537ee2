// How much memory is asked for at once, seen through the constructor of Uint8Array: a length that a peer declares must
// cost nothing before its octets come (rule 7 of the core).

/** Runs `action` and returns the length of the largest array that it made by length. */
export function largestAllocation(action: () => void): number {
  const original = globalThis.Uint8Array;
  let largest = 0;
  globalThis.Uint8Array = new Proxy(original, {
    construct(target, args: unknown[], newTarget): object {
      const [length] = args;
      if (typeof length === "number") largest = Math.max(largest, length);
      return Reflect.construct(
        target,
        args,
        newTarget === globalThis.Uint8Array ? target : newTarget,
      );
    },
  });
  try {
    action();
  } finally {
    globalThis.Uint8Array = original;
  }
  return largest;
}
