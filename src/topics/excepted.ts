// With `order: "broker"` a message of `ws.publish()` comes back from the broker before it is
// delivered, and must then leave out the connection that has published it. Until then it is known
// here by its number. Numbers that never come back were lost, or this process has not subscribed:
// they go when there are too many, and keep no connection in memory.

import type { Dispatcher } from "../connection/dispatcher.ts";
import type { Counter } from "./counters.ts";
import type { Envelope } from "./envelope.ts";

/** The most messages that are known: as many as fit into what may wait for the broker, and more. */
const MOST = 100_000;

/** The connections that have published what has not come back, the oldest first. */
export class Excepted {
  readonly #ordered: (topic: string) => boolean;
  readonly #waiting = new Map<string, WeakRef<Dispatcher>>();

  /** None; `ordered` says which topics have the broker's order. Of others nothing comes back. */
  constructor(ordered: (topic: string) => boolean) {
    this.#ordered = ordered;
  }

  /** How many messages are known. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Remembers who has published the last number of the counter of a topic. */
  add(topic: string, counter: Counter, dispatcher: Dispatcher): void {
    if (!this.#ordered(topic)) return;
    const waiting = this.#waiting;
    waiting.set(numberOf(counter), new WeakRef(dispatcher));
    if (waiting.size <= MOST) return;
    for (const oldest of waiting.keys()) {
      waiting.delete(oldest);
      return;
    }
  }

  /** Who has published a message, if it was a connection. */
  take(message: Pick<Envelope, "generation" | "sequence">): Dispatcher | undefined {
    const number = numberOf(message);
    const dispatcher = this.#waiting.get(number)?.deref();
    this.#waiting.delete(number);
    return dispatcher;
  }
}

/** A generation belongs to one channel. */
function numberOf({ generation, sequence }: Pick<Counter, "generation" | "sequence">): string {
  return `${generation} ${sequence}`;
}
