// Topics on Redis: the user's client publishes, and a duplicate of it subscribes.
//
// 1. It is up while both are ready. When either is lost, the duplicate is thrown away, and made
//    anew once the client is ready: after a failover it leads to where the client leads.
// 2. Nothing is handed to a client that is not ready, because it would keep it without a bound.
// 3. What is under way when the connection is lost rejects at once; the client may still send it.

import { Buffer } from "node:buffer";
import type { Backplane, BackplaneSink } from "../../src/topics/backplane.ts";
import { type Clock, systemClock } from "../../src/util/clock.ts";
import { flag, type OptionTable } from "../../src/util/check_options.ts";
import type { Connection, Subscriber } from "./connection.ts";
import { ENVELOPE, RedisHistory, type RunScript, splitMessage } from "./history.ts";
import { RedisPresence } from "./presence.ts";

/** Names in one command: a server does nothing else while it carries that out. */
const CHUNK = 1_000;
/** Milliseconds that a duplicate has to connect, with all that its package tries. */
const PATIENCE = 10_000;
/** Milliseconds until there is another one, after one that has given up. */
const PAUSE = 1_000;

/** What `redisBackplane()` can be told. */
export interface RedisBackplaneOptions {
  /**
   * Uses sharded Pub/Sub (SPUBLISH, SSUBSCRIBE), for which Redis 7 is needed: in a cluster each
   * channel then has one server, where classic Pub/Sub sends each message to all of them. All
   * processes must use the same. Default: false.
   */
  readonly sharded?: boolean | undefined;
}

/** What each may be. */
export const REDIS_OPTIONS: OptionTable<RedisBackplaneOptions> = { sharded: flag };

/** What `redisBackplane()` makes. */
export class RedisBackplane implements Backplane {
  readonly name: string;
  readonly ordered: boolean;
  readonly history: RedisHistory | undefined;
  readonly presence: RedisPresence;
  readonly #client: Connection;
  /** Names in one command. */
  readonly #chunk: number;
  readonly #clock: Clock;
  #sink: BackplaneSink | undefined;
  #unwatch: () => void = () => {};
  #subscriber: Subscriber | undefined;
  #forget: () => void = () => {};
  #retry: unknown;
  #up = false;
  /** Whether the server has no replica: then it counts all receivers. */
  #alone = false;
  /** The last error of either client. */
  #error: unknown;
  /** Rejects what is under way. */
  readonly #waiting: Set<(reason: Error) => void> = new Set();

  /** A driver with a client; a sharded channel has one server also in a cluster. */
  constructor(client: Connection, sharded: boolean, clock: Clock = systemClock) {
    this.#client = client;
    this.#clock = clock;
    this.ordered = sharded || !client.cluster;
    const run: RunScript = (script, keys, args) => this.#run(script, keys, args);
    // A prefix of the client's keys is one of sharded channels, too, and changes their slot.
    const splits = sharded && client.prefixed;
    this.name = splits ? "Redis with sharded and keyPrefix" : "Redis";
    this.history = splits ? undefined : new RedisHistory(run, sharded, () => this.#alone);
    this.presence = new RedisPresence(run);
    // Each channel of a sharded cluster has a server of its own.
    this.#chunk = sharded && client.cluster ? 1 : CHUNK;
  }

  start(sink: BackplaneSink): void {
    this.#sink = sink;
    this.#unwatch = this.#client.watch((error) => this.#update(error));
    if (!this.#client.open()) {
      sink.down(new Error("The Redis client is not connected; call its connect() first"));
    }
    this.#update(undefined);
  }

  join(channels: readonly string[]): Promise<unknown> {
    return this.#inChunks(channels, (subscriber, some) => subscriber.subscribe(some));
  }

  leave(channels: readonly string[]): Promise<unknown> {
    return this.#inChunks(channels, (subscriber, some) => subscriber.unsubscribe(some));
  }

  publish(channel: string, envelope: Uint8Array): Promise<number | undefined> {
    if (!this.#up || !this.#client.ready()) return Promise.reject(away());
    const { buffer, byteOffset, length } = envelope;
    const message = Buffer.from(buffer as ArrayBuffer, byteOffset, length);
    return this.#settle(
      this.#client.publish(channel, message),
      (count) => this.#alone ? Number(count) : undefined,
    );
  }

  restart(): void {
    this.#lose(new Error("Redis answered and delivered nothing, so the driver connects anew"));
    this.#update(undefined);
  }

  close(): Promise<void> {
    this.#sink = undefined;
    this.#unwatch();
    this.#lose(new Error("The topics have been closed"));
    return Promise.resolve();
  }

  /** Something has happened to a client. */
  #update(error: unknown): void {
    this.#error = error ?? this.#error;
    if (this.#sink === undefined) return;
    if (!this.#client.ready()) {
      const closed = "The Redis client has been closed; connect it again, or make new topics";
      this.#lose(this.#client.open() ? this.#error ?? away() : new Error(closed));
    } else if (this.#subscriber === undefined) this.#subscribe();
    else if (this.#subscriber.ready() && !this.#up) this.#found(this.#subscriber);
    else if (!this.#subscriber.ready() && this.#up) {
      this.#lose(this.#error ?? away());
      this.#subscribe();
    }
  }

  #subscribe(): void {
    const subscriber = this.#client.subscriber((channel, message) => {
      if (subscriber !== this.#subscriber) return;
      const { buffer, byteOffset, length } = message;
      const bytes = new Uint8Array(buffer, byteOffset, length);
      if (bytes[0] === ENVELOPE) this.#sink?.message(channel, bytes);
      else this.#sink?.message(channel, ...splitMessage(bytes));
    });
    this.#subscriber = subscriber;
    this.#forget = subscriber.watch((error, lost) => {
      if (subscriber !== this.#subscriber) return;
      if (lost && this.#up) this.#lose(error ?? away());
      this.#update(error);
    });
    this.#again(PATIENCE);
    subscriber.connect().catch((error) => {
      if (subscriber !== this.#subscriber || this.#up) return;
      this.#error = error;
      this.#again(PAUSE);
    });
  }

  /** Makes another subscriber, unless this one is ready by then. */
  #again(delay: number): void {
    const due = (): void => {
      this.#lose(undefined);
      this.#update(undefined);
    };
    this.#clock.clearTimer(this.#retry);
    this.#retry = this.#clock.setTimer(due, delay, "a connection to Redis");
  }

  #found(subscriber: Subscriber): void {
    this.#clock.clearTimer(this.#retry);
    this.#up = true;
    this.#error = undefined;
    if (!this.#client.cluster) {
      // What a server publishes also reaches those who listen to its replicas: it does not count
      // them. Where the command is forbidden, nothing is known.
      this.#client.role().then((reply) => {
        const [role, , replicas] = reply as [unknown, unknown, unknown[]];
        if (subscriber !== this.#subscriber) return;
        this.#alone = String(role) === "master" && replicas.length === 0;
      }).catch(() => {});
    }
    this.#sink?.up();
  }

  /** Throws the subscriber away, and reports it if the topics have counted on it. */
  #lose(reason: unknown): void {
    this.#clock.clearTimer(this.#retry);
    this.#forget();
    const subscriber = this.#subscriber;
    this.#subscriber = undefined;
    this.#alone = false;
    const wasUp = this.#up;
    this.#up = false;
    subscriber?.end();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const reject of waiting) reject(away(reason));
    if (wasUp) this.#sink?.down(reason);
  }

  #inChunks(
    channels: readonly string[],
    call: (subscriber: Subscriber, some: string[]) => Promise<unknown>,
  ): Promise<unknown> {
    const subscriber = this.#subscriber;
    if (!this.#up || subscriber === undefined) return Promise.reject(away());
    const calls: Promise<unknown>[] = [];
    for (let i = 0; i < channels.length; i += this.#chunk) {
      const some = channels.slice(i, i + this.#chunk);
      calls.push(this.#settle(call(subscriber, some), () => undefined));
    }
    return Promise.all(calls);
  }

  /** Runs a script while the client is ready. */
  async #run(...[script, keys, args]: Parameters<RunScript>): Promise<unknown> {
    if (!this.#up || !this.#client.ready()) throw away();
    try {
      return await this.#settle(this.#client.run(script, keys, args), (value) => value);
    } catch (error) {
      // Inside a script Redis says it in other words.
      const forbidden = /^NOPERM|can't (?:run this command|access|publish to)/;
      if (!forbidden.test(String((error as Error)?.message))) throw error;
      throw new Error(
        `Redis refuses a script that keeps history or presence: let its user run EVAL, PUBLISH or SPUBLISH, and the commands of streams, hashes and strings, as in "+@scripting +@pubsub +@stream +@hash +@string +@keyspace +time", on the keys "~{prefix*" and the channels "&prefix*", with the prefix of createTopics()`,
        { cause: error },
      );
    }
  }

  /** Settles as a client's promise does, or rejects when the connection is lost before. */
  #settle<T>(work: Promise<unknown>, result: (value: unknown) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      work.then((value) => {
        this.#waiting.delete(reject);
        resolve(result(value));
      }, (error) => {
        this.#waiting.delete(reject);
        reject(error);
      });
    });
  }
}

function away(cause?: unknown): Error {
  return new Error("Redis is away; what is published meanwhile does not reach other processes", {
    cause,
  });
}
