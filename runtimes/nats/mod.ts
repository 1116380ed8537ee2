/**
 * Topics of several processes on NATS.
 *
 * @module @sansocket/ws/nats
 */

// 1. Nothing queues here. Subscriptions have callbacks, because an iterator keeps what has come
//    without a bound; and nothing is published while the client is away, because that keeps it too.
// 2. A callback must not throw: the client would stop reading in silence. A sink never does.
// 3. All that is under way shares one flush: PING goes out behind it, and PONG says that the server
//    has taken everything. While one is under way, what follows shares the next. When the client
//    closes, it forgets those that wait, so an outage rejects them here.

import type { Backplane, BackplaneSink } from "../../src/topics/backplane.ts";
import { describe } from "../../src/util/check_options.ts";
import { defer, type Deferred, handled } from "../../src/util/promises.ts";
import { NatsHistory, subjectOf } from "./history.ts";
import { JetStream } from "./jetstream.ts";
import { NatsPresence } from "./presence.ts";

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

/** What {@linkcode natsBackplane} needs of a subscription. */
export interface NatsSubscriptionLike {
  /** Ends it. */
  unsubscribe(): void;
}

/** What {@linkcode natsBackplane} needs of a message. */
export interface NatsMessageLike {
  /** Where it was published. */
  readonly subject: string;
  /** What it says. */
  readonly data: Uint8Array;
  /** Where an answer is expected. */
  readonly reply?: string;
  /** What JetStream or the server says about it. */
  readonly headers?: {
    readonly code: number;
    readonly description: string;
    get(name: string): string;
  };
}

/** What {@linkcode natsBackplane} needs of a connection: `NatsConnection` has it. */
export interface NatsConnectionLike {
  /** What the server has said about itself. */
  readonly info?: { readonly max_payload: number; readonly jetstream?: boolean };
  /** Publishes a message, and says where an answer is expected. */
  publish(subject: string, payload: Uint8Array, options?: { readonly reply?: string }): void;
  /** Subscribes a function, which is also told of an error that ends the subscription. */
  subscribe(subject: string, options: {
    readonly callback: (error: Error | null, message: NatsMessageLike) => void;
  }): NatsSubscriptionLike;
  /** Resolves once the server has taken what was sent before. */
  flush(): Promise<void>;
  /** Connects anew. */
  reconnect(): Promise<void>;
  /** Tells what happens to the connection. */
  status(): AsyncIterable<{ readonly type: string; readonly error?: unknown }>;
  /** Resolves when the client has given up, with an error if there was one. */
  closed(): Promise<void | Error>;
}

const EXAMPLE =
  `natsBackplane(await connect({ servers, maxReconnectAttempts: -1 })), with connect() of @nats-io/transport-node (npm install @nats-io/transport-node)`;

/** Rounds of microtasks after a PONG, in which the client reports what came before: it needs 3. */
const ROUNDS = 8;

/**
 * Joins the topics of several processes through NATS: a server alone, or a cluster. Each topic is a
 * subject.
 *
 * The history of topics, and who is present, need JetStream: `nats-server -js`, version 2.9 or
 * later. Topics with the same `size` and `ttl` share a stream, and who is present is in a bucket
 * (`KV_…presence`). Both are made when they are first used, with one replica. Those that exist
 * stay as they are, so in a cluster, more replicas can be given to them (`nats stream edit`). A
 * user with permissions needs to publish to `$JS.API.>` and `$KV.>` too, and to subscribe to
 * `_INBOX.>`.
 *
 * Messages of one publisher keep their order. Those of several come to each subscriber in an order
 * of its own, even from a server alone, so `order: "broker"` is refused.
 *
 * The connection may be used for other things. It has to stay open until the topics are closed.
 * Unless it has `maxReconnectAttempts: -1`, it gives up after ten attempts, and the topics stay
 * local from then on.
 *
 * @param connection A connection of `@nats-io/transport-node` (`npm install
 * @nats-io/transport-node`), without its option `noEcho`.
 * @returns The option `backplane` of one `createTopics()`.
 * @throws {TypeError} When it is no such connection, or has `noEcho`.
 *
 * @example
 * ```ts
 * import { connect } from "@nats-io/transport-node";
 * import { createTopics } from "@sansocket/ws";
 * import { natsBackplane } from "@sansocket/ws/nats";
 *
 * const connection = await connect({ servers: "127.0.0.1:4222", maxReconnectAttempts: -1 });
 * const topics = createTopics({ backplane: natsBackplane(connection) });
 * ```
 */
export function natsBackplane(connection: NatsConnectionLike): Backplane {
  const methods = ["publish", "subscribe", "flush", "reconnect", "status", "closed"] as const;
  if (!methods.every((name) => typeof connection?.[name] === "function")) {
    throw new TypeError(`Expected a connection to NATS, got ${describe(connection)}: ${EXAMPLE}`);
  }
  const { options } = connection as { options?: { readonly noEcho?: boolean } };
  if (options?.noEcho) {
    throw new TypeError(
      "A connection with noEcho does not show whether NATS delivers: leave out that option of connect(), and own messages are still delivered once",
    );
  }
  return new NatsBackplane(connection);
}

/** What shares a flush. */
interface Batch {
  readonly settled: Deferred<undefined>;
  /** The subjects of its messages. */
  readonly subjects: string[];
  /** Why NATS has refused one of them. */
  refused: Error | undefined;
}

class NatsBackplane implements Backplane {
  readonly name = "NATS";
  // Each publisher's messages go to one subscriber after the other, and others come in between.
  // Measured with one nats-server 2.9: with 2 publishers 0.3% of 120,000 messages stood elsewhere
  // for another subscriber, with 4 publishers 1.4% of 200,000, and in a cluster of three 69%.
  readonly ordered = false;
  readonly history: NatsHistory | undefined;
  readonly presence: NatsPresence | undefined;
  readonly #connection: NatsConnectionLike;
  readonly #jetStream: JetStream;
  readonly #subscriptions: Map<string, NatsSubscriptionLike> = new Map();
  #maxSize: number | undefined;
  /** Where to deliver, until the driver is closed. */
  #sink: BackplaneSink | undefined;
  #up = false;
  /** The epochs are being read, before the broker is up. */
  #finding: Promise<void> | undefined;
  /** What shares the flush under way, and what shares the next. */
  #flushing: Batch | undefined;
  #next: Batch | undefined;
  /** The last error of the client. */
  #error: unknown;
  #stop: (() => void) | undefined;

  constructor(connection: NatsConnectionLike) {
    this.#connection = connection;
    this.#jetStream = new JetStream(connection);
    if (!connection.info?.jetstream) return;
    this.history = new NatsHistory(this.#jetStream);
    this.presence = new NatsPresence(this.#jetStream);
  }

  get maxSize(): number | undefined {
    // The limit holds for the payload alone. Another server of a cluster may have another.
    return this.#maxSize = this.#connection.info?.max_payload ?? this.#maxSize;
  }

  start(sink: BackplaneSink): void {
    this.#sink = sink;
    void this.#watch();
    void this.#connection.closed().then((cause) => {
      const why = cause
        ? `The NATS client has given up, connect() with maxReconnectAttempts: -1 goes on: ${cause.message}`
        : "The connection to NATS was closed";
      this.#lose(new Error(why, { cause }), true);
    });
    this.#connection.flush().then(() => this.#find(), (error) => this.#lose(error, true));
  }

  async join(channels: readonly string[]): Promise<void> {
    this.#check();
    let over = false;
    for (const channel of channels) {
      if (this.#subscriptions.has(channel)) continue;
      const callback = (error: Error | null, message: NatsMessageLike): void => {
        if (error) this.#end(channel, error, over);
        else if (subject !== channel) this.#receive(channel, message);
        // A copy: it is a view on all that came with it.
        else this.#sink?.message(channel, new Uint8Array(message.data));
      };
      const subject = subjectOf(channel);
      this.#subscriptions.set(channel, this.#connection.subscribe(subject, { callback }));
    }
    await this.#flush().settled.promise.finally(() => over = true);
    const missing = channels.filter((channel) => !this.#subscriptions.has(channel));
    if (missing.length > 0) {
      throw new Error(
        `NATS refuses to subscribe to ${JSON.stringify(missing[0])}${
          missing.length > 1 ? ` and ${missing.length - 1} more` : ""
        }: let its user publish and subscribe to "topics.>", and give createTopics() the prefix "topics."`,
        { cause: this.#error },
      );
    }
  }

  async leave(channels: readonly string[]): Promise<void> {
    this.#check();
    for (const channel of channels) {
      this.#subscriptions.get(channel)?.unsubscribe();
      this.#subscriptions.delete(channel);
      this.history?.leave(channel);
    }
    await this.#flush().settled.promise;
  }

  publish(channel: string, envelope: Uint8Array): Promise<undefined> {
    const subject = subjectOf(channel);
    try {
      this.#check();
      this.#connection.publish(subject, envelope);
    } catch (error) {
      return handled(Promise.reject(error));
    }
    const batch = this.#flush();
    batch.subjects.push(subject);
    return batch.settled.promise;
  }

  restart(): void {
    // It rejects once the connection is closed, which closed() tells.
    void handled(this.#connection.reconnect());
  }

  close(): Promise<void> {
    this.#sink = undefined;
    this.#lose(new Error("The topics are closed"));
    for (const subscription of this.#subscriptions.values()) subscription.unsubscribe();
    this.#subscriptions.clear();
    this.#jetStream.close();
    this.#stop?.();
    return Promise.resolve();
  }

  /** What settles once the server has taken all that was handed to the client before. */
  #flush(): Batch {
    if (this.#next === undefined) {
      this.#next = { settled: defer(), subjects: [], refused: undefined };
      // What is published in the same turn comes along.
      if (this.#flushing === undefined) queueMicrotask(() => this.#ping());
    }
    return this.#next;
  }

  #ping(): void {
    const batch = this.#next;
    if (batch === undefined || this.#flushing !== undefined) return;
    this.#next = undefined;
    this.#flushing = batch;
    this.#connection.flush().then(() => this.#settle(batch, ROUNDS), (error) => {
      if (this.#flushing === batch) this.#lose(error);
    });
  }

  /** The server has taken a batch, except what it has refused: that is reported a little later. */
  #settle(batch: Batch, rounds: number): void {
    if (this.#flushing !== batch) return;
    if (rounds > 0) return queueMicrotask(() => this.#settle(batch, rounds - 1));
    this.#flushing = undefined;
    const { settled, refused } = batch;
    if (refused === undefined) settled.resolve(undefined);
    else settled.reject(refused);
    this.#ping();
  }

  async #watch(): Promise<void> {
    const statuses = this.#connection.status();
    // Unless it is stopped, the client keeps for it what happens.
    this.#stop = () => (statuses as { stop?: () => void }).stop?.();
    for await (const { type, error } of statuses) {
      if (this.#sink === undefined) break;
      if (type === "error" && error) {
        this.#error = error;
        this.#refuse(error);
      } else if (/^(?:disconnect|staleConnection|forceReconnect)$/.test(type)) {
        this.#lose(new Error(`The connection to NATS is lost (${type})`, { cause: this.#error }));
      } else if (type === "reconnect") {
        this.#find();
      }
    }
  }

  /** NATS has refused something, perhaps what other code has published on this connection. */
  #refuse(error: unknown): void {
    const { operation, subject = "" } = error as { operation?: string; subject?: string };
    const batch = this.#flushing;
    if (operation === "publish" && batch?.subjects.includes(subject)) {
      batch.refused = error as Error;
    }
    if (operation === "publish") this.#jetStream.refuse(subject, error as Error);
  }

  /** NATS has ended a subscription: `join()` says so, or a permission was taken back since. */
  #end(channel: string, error: Error, joined: boolean): void {
    this.#error = error;
    this.#subscriptions.delete(channel);
    if (!joined) return;
    this.#lose(error);
    this.#find();
  }

  #receive(channel: string, message: NatsMessageLike): void {
    if (this.#sink === undefined) return;
    if (this.history) this.history.receive(channel, message, this.#sink);
    else this.#sink.message(channel, new Uint8Array(message.data));
  }

  #find(): void {
    if (this.#up || this.#finding || this.#sink === undefined) return;
    this.#jetStream.find();
    if (!this.history?.used) return this.#rise();
    const finding = this.#finding = this.history.renew().then(() => {
      if (this.#finding === finding) this.#rise();
    });
  }

  #rise(): void {
    this.#up = true;
    this.#finding = this.#error = undefined;
    this.#sink?.up();
  }

  #lose(reason: Error, always = false): void {
    const wasUp = this.#up;
    this.#up = false;
    const batches = [this.#flushing, this.#next];
    this.#flushing = this.#next = this.#finding = undefined;
    for (const batch of batches) batch?.settled.reject(reason);
    this.#jetStream.lose(reason);
    this.history?.lose(reason);
    this.presence?.lose();
    if (wasUp || always) this.#sink?.down(reason);
  }

  #check(): void {
    if (!this.#up) throw new Error("NATS is away: wait until the topics are up");
  }
}
