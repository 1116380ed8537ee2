// With `order: "broker"` a message of `ws.publish()` comes back from the broker before it is
// delivered, and must then leave out the connection that has published it. Until then it is known
// here by its number. Numbers that never come back were lost, and go when a later one comes.

import type { Dispatcher } from "../connection/dispatcher.ts";
import type { Counter } from "./counters.ts";
import type { Envelope } from "./envelope.ts";

/** The most messages of one counter that are known. */
const MOST = 10_000;

/** The connections that have published what has not come back, by generation of the counter. */
export class Excepted {
  readonly #waiting = new Map<number, [sequence: number, dispatcher: Dispatcher][]>();

  /** Remembers who has published the last number of a counter. */
  add({ generation, sequence }: Counter, dispatcher: Dispatcher): void {
    let waiting = this.#waiting.get(generation);
    if (waiting === undefined) this.#waiting.set(generation, waiting = []);
    waiting.push([sequence, dispatcher]);
    if (waiting.length > MOST) waiting.shift();
  }

  /** Who has published a message, if it was a connection; forgets those before it. */
  take({ generation, sequence }: Envelope): Dispatcher | undefined {
    const waiting = this.#waiting.get(generation);
    if (waiting === undefined) return undefined;
    const index = waiting.findIndex(([number]) => number > sequence);
    const passed = waiting.splice(0, index < 0 ? waiting.length : index);
    if (waiting.length === 0) this.#waiting.delete(generation);
    const [number, dispatcher] = passed.at(-1) ?? [];
    return number === sequence ? dispatcher : undefined;
  }
}
