// Memory for large messages.
//
// 1. Not zeroed where the runtime has that: 1 MiB of zeros, and the pages for it, are 340 µs on
//    Node and 470 on Deno where `allocUnsafeSlow()` takes 60 and 90; an echo of 1 MiB takes 0.93
//    and 0.77 of the CPU time. On Bun there is no difference.
// 2. Not given back to the system between two collections. The messages of a second are freed
//    together, and glibc then gives back what is free at the end of its heap from 128 KiB on, to
//    fetch it page by page for the next ones: of two processes that do the same, one took 68 µs for
//    an echo of 64 KiB and the other 337. Once a larger block than that was freed it keeps up to
//    twice as much. The peak of the resident memory stays what it was.

import { Buffer } from "node:buffer";
import { allocateBy } from "../../src/util/bytes.ts";

/** glibc learns from no larger block than 32 MiB. */
const LESSON = 31 << 20;

/** Has messages that come in pieces put together in memory that is not zeroed. */
export function chooseAllocator(): void {
  // A plain Uint8Array: those of a Buffer's methods that have the same names do something else.
  allocateBy((size) => new Uint8Array(Buffer.allocUnsafeSlow(size).buffer as ArrayBuffer));
}

/** From this many octets in a read on, messages are so large that keeping freed memory pays. */
const MUCH = 16_384;

let kept = false;

/**
 * Has freed memory kept for what comes next, once `count`, the octets of a read, has been large.
 */
export function keepFreed(count: number): void {
  if (kept || count < MUCH) return;
  kept = true;
  // Nothing is written to it, so it is no more than an address; where freed memory is kept already
  // it may be some of that.
  Buffer.allocUnsafeSlow(LESSON);
}
