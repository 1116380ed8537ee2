/**
 * Topics of several threads of one process, on BroadcastChannel.
 *
 * @module @sansocket/ws/broadcast-channel
 */

// 1. One BroadcastChannel carries all topics, and each thread takes what it has joined. If each had
//    its own, a thread that only publishes would also need an object of the runtime for each.
// 2. It gives nothing to the thread that has posted, so that one is served here.
// 3. Nothing says whether another thread listens, or how far behind it is. What it has not taken
//    waits in the runtime: all of it on Node and Bun, and on Deno the last 256 that were posted, in
//    silence. So the messages of one turn of the event loop are posted as one.

import { type Flushable, flushAtLoopEnd } from "../../src/connection/turn.ts";
import type { Backplane, BackplaneSink } from "../../src/topics/backplane.ts";
import { isUint8Array } from "../../src/util/brands.ts";
import { describe } from "../../src/util/check_options.ts";
import { defer, type Deferred, handled, RESOLVED } from "../../src/util/promises.ts";

export type {
  Backplane,
  BackplaneSink,
  HistoryStore,
  PresenceEntry,
  PresenceStore,
  Retention,
  StoredPosition,
  StorePage,
  StorePosition,
  StoreReceipt,
} from "../../src/topics/backplane.ts";
export type { Clock, Deadline, Watched } from "../../src/util/clock.ts";

/**
 * Joins the topics of the threads of one process: workers of Node, Deno and Bun, and in a browser
 * tabs and workers of one origin. It reaches no other process, and no other machine.
 *
 * Messages of one thread keep their order. Those of several come to each thread in an order of its
 * own, so `order: "broker"` is refused. The process stays open until the topics are closed.
 *
 * @param name The name of the BroadcastChannel: the same in all threads, and used for nothing else.
 * @returns The option `backplane` of one `createTopics()`.
 * @throws {TypeError} When the name is no string, or empty.
 *
 * @example
 * ```ts
 * import { createTopics } from "@sansocket/ws";
 * import { broadcastChannelBackplane } from "@sansocket/ws/broadcast-channel";
 *
 * const topics = createTopics({ backplane: broadcastChannelBackplane("chat") });
 * ```
 */
export function broadcastChannelBackplane(name: string): Backplane {
  if (typeof name !== "string" || name === "") {
    throw new TypeError(
      `Expected the name of a BroadcastChannel, got ${
        describe(name)
      }: give the same name in all threads, such as "chat"`,
    );
  }
  return new BroadcastChannelBackplane(name);
}

/** What is posted: the messages of one turn. */
type Batch = readonly (readonly [channel: string, octets: Uint8Array])[];

/** Anything in this process may post to a channel of this name. */
function isBatch(data: unknown): data is Batch {
  return Array.isArray(data) &&
    data.every((one: unknown) =>
      Array.isArray(one) && typeof one[0] === "string" && isUint8Array(one[1])
    );
}

class BroadcastChannelBackplane implements Backplane, Flushable {
  readonly name = "BroadcastChannel";
  readonly ordered = false;
  readonly #name: string;
  readonly #joined: Set<string> = new Set();
  #batch: [channel: string, octets: Uint8Array][] = [];
  /** Settles once the batch is posted: nothing says more than that. */
  #posted: Deferred<undefined> | undefined;
  /** Both are there from `start()` to `close()`. */
  #channel: BroadcastChannel | undefined;
  #sink: BackplaneSink | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  start(sink: BackplaneSink): void {
    this.#sink = sink;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (isBatch(data)) this.#deliver(data);
    };
    sink.up();
  }

  join(channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.#joined.add(channel);
    return RESOLVED;
  }

  leave(channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.#joined.delete(channel);
    return RESOLVED;
  }

  publish(channel: string, envelope: Uint8Array): Promise<undefined> {
    if (this.#channel === undefined) {
      return handled(Promise.reject(new Error("The topics are not open")));
    }
    // A copy: of a view, all of its buffer would be posted.
    this.#batch.push([channel, envelope.slice()]);
    if (this.#posted === undefined) {
      this.#posted = defer();
      flushAtLoopEnd(this);
    }
    return this.#posted.promise;
  }

  close(): Promise<void> {
    this.#sink = undefined;
    this.flush();
    this.#channel?.close();
    this.#channel = undefined;
    return RESOLVED;
  }

  /** Posts what waits. */
  flush(): void {
    const [batch, posted] = [this.#batch, this.#posted];
    if (posted === undefined) return;
    this.#batch = [];
    this.#posted = undefined;
    this.#channel?.postMessage(batch);
    posted.resolve(undefined);
    this.#deliver(batch);
  }

  #deliver(batch: Batch): void {
    for (const [channel, octets] of batch) {
      if (this.#joined.has(channel)) this.#sink?.message(channel, octets);
    }
  }
}
