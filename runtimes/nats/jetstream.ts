// JetStream by plain requests over the user's connection, as far as history and presence need it.
//
// 1. All answers come to one subscription, each to a subject of its own. Only a read has another:
//    the messages of a stream come with the subjects that they were published to.
// 2. Nothing waits longer than two ticks of one timer, which runs while something waits. What waits
//    when the connection is lost is rejected by `lose()`.
// 3. Only what nats-server 2.9 has: no `filter_subjects`, no time in the answers, no TTL of a key.

import { systemClock } from "../../src/util/clock.ts";
import { defer, type Deferred, handled } from "../../src/util/promises.ts";
import { decodeUtf8, encodeUtf8 } from "../../src/util/utf8.ts";
import type { NatsConnectionLike, NatsMessageLike, NatsSubscriptionLike } from "./mod.ts";

/** Milliseconds: what waits is rejected after one to two of these. */
const TICK = 2_500;
/** Milliseconds for which a server may start, and between two looks meanwhile. */
const [PATIENCE, PAUSE] = [5_000, 20];
/** The most messages, and at least the most octets, that the server sends for one pull. */
const BATCH = 10_000;
const BATCH_OCTETS = 4_194_304;
/** Nanoseconds after which a pull ends: so long it waits for messages that have gone meanwhile. */
const PULL = 500_000_000;
/** What a message takes besides its payload: subjects and headers. */
const ROOM = 65_536;

/** What JetStream says about a stream. */
export interface StreamInfo {
  readonly created: string;
  readonly state: { readonly first_seq: number; readonly last_seq: number };
}

/** Which messages of a stream to read. */
export interface Selection {
  readonly filter_subject: string;
  readonly deliver_policy: "all" | "by_start_sequence";
  readonly opt_start_seq?: number;
}

/** What a stream is made with. */
export interface StreamConfig {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly max_msgs_per_subject: number;
  /** Nanoseconds. */
  readonly max_age: number;
  readonly republish?: { readonly src: string; readonly dest: string };
}

/** JetStream has refused a request. */
interface JetStreamError extends Error {
  /** 503 when nothing listens, 404 when what was asked for does not exist. */
  readonly status: number;
}

interface Waiting {
  readonly subject: string;
  readonly settled: Deferred<NatsMessageLike>;
  /** The tick in which it began. */
  readonly tick: number;
}

/** Requests to JetStream over one connection. */
export class JetStream {
  readonly #connection: NatsConnectionLike;
  readonly #inbox: string;
  readonly #waiting: Map<string, Waiting> = new Map();
  #answers: NatsSubscriptionLike | undefined;
  #count = 0;
  #timer: unknown;
  #tick = 0;
  /** Why nothing can be asked. */
  #away: Error | undefined = new Error("NATS is away: wait until the topics are up");

  constructor(connection: NatsConnectionLike) {
    this.#connection = connection;
    const { options } = connection as { options?: { readonly inboxPrefix?: string } };
    const random = crypto.getRandomValues(new Uint32Array(4));
    this.#inbox = `${options?.inboxPrefix ?? "_INBOX"}.${Array.from(random, base36).join("")}`;
  }

  /**
   * Publishes to a stream.
   *
   * @param subject One of its subjects.
   * @param payload The message.
   * @returns Resolves with the sequence of the message once it is kept.
   */
  async publish(subject: string, payload: Uint8Array): Promise<number> {
    const { data } = await this.#ask(subject, payload);
    const { seq, error } = JSON.parse(text(data)) as Answer & { readonly seq: number };
    if (error) throw refusal(subject, error);
    return seq;
  }

  /**
   * Asks the API.
   *
   * @param what The request, without `$JS.API.`.
   * @param body What it takes.
   * @returns Resolves with the answer; rejects when that is an error.
   */
  async request<T>(what: string, body: object = {}): Promise<T> {
    const { data } = await this.#ask(`$JS.API.${what}`, encodeUtf8(JSON.stringify(body)));
    const answer = JSON.parse(text(data)) as Answer & T;
    if (answer.error) throw refusal(what, answer.error);
    return answer;
  }

  /**
   * Looks at a stream, and makes it if there is none.
   *
   * @param config What it is made with. One that exists keeps what it has.
   * @returns Resolves with what JetStream says about it.
   */
  async open(config: StreamConfig): Promise<StreamInfo> {
    const look = () => this.#info(config.name);
    try {
      return await look();
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    const more = { retention: "limits", discard: "old", storage: "file", num_replicas: 1 };
    try {
      const all = { ...config, ...more };
      const made = await this.request<StreamInfo>(`STREAM.CREATE.${config.name}`, all);
      // Where another process is just making it, the answer may not say yet when that was.
      return isDated(made) ? made : await look();
    } catch (error) {
      // Another process has made it meanwhile, perhaps in another way.
      return await look().catch(() => Promise.reject(error));
    }
  }

  /**
   * What JetStream says about a stream. A server that has just started may not know yet when the
   * stream was made, and then says the year 1: it is asked again, for 5 s at most.
   */
  async #info(name: string): Promise<StreamInfo> {
    const late = systemClock.now() + PATIENCE;
    while (true) {
      const info = await this.request<StreamInfo>(`STREAM.INFO.${name}`);
      if (isDated(info)) return info;
      if (systemClock.now() > late) {
        throw new Error("JetStream has not started its streams in time");
      }
      await new Promise<void>((resolve) => {
        systemClock.setTimer(resolve, PAUSE, "the streams of JetStream");
      });
    }
  }

  /**
   * Reads messages of a stream, the oldest first.
   *
   * @param stream The name of the stream.
   * @param selection Which messages.
   * @param limit The most messages.
   * @param take Called with each, and with its sequence. The memory is lent.
   * @returns Resolves with the number of messages that there were when the read began, and whether
   * all of them were taken that the limit allows.
   */
  async read(
    stream: string,
    selection: Selection,
    limit: number,
    take: (message: NatsMessageLike, sequence: number) => void,
  ): Promise<{ readonly there: number; readonly all: boolean }> {
    // The consumer goes when nothing has asked for it for so long, even if this process has gone.
    const more = { ack_policy: "none", mem_storage: true, inactive_threshold: 10_000_000_000 };
    const { name, num_pending: there } = await this.request<{ name: string; num_pending: number }>(
      `CONSUMER.CREATE.${stream}`,
      { stream_name: stream, config: { ...selection, ...more } },
    );
    let left = Math.min(there, limit);
    let taken = 0;
    let pull: Deferred<NatsMessageLike> | undefined;
    const inbox = `${this.#inbox}.read.${base36(this.#count++)}`;
    const reading = left === 0 ? undefined : this.#connection.subscribe(inbox, {
      callback: (error, message) => {
        if (error) return pull?.reject(error);
        if (message.headers?.code) return pull?.resolve(message);
        // $JS.ACK.stream.consumer.delivered.sequence.…, or with two names more in front.
        const parts = message.reply?.split(".") ?? [];
        take(message, Number(parts[parts.length < 11 ? 5 : 7]));
        taken++;
        if (--left === 0 || taken % BATCH === 0) pull?.resolve(message);
      },
    });
    try {
      const subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`;
      const once = { no_wait: true, expires: PULL };
      const octets = Math.max(BATCH_OCTETS, (this.#connection.info?.max_payload ?? 0) + ROOM);
      while (left > 0) {
        const before = taken;
        const batch = Math.min(left, BATCH - taken % BATCH);
        const body = encodeUtf8(JSON.stringify({ batch, max_bytes: octets, ...once }));
        const [token, settled] = this.#wait(subject);
        pull = settled;
        this.#connection.publish(subject, body, { reply: inbox });
        const last = await settled.promise.finally(() => this.#waiting.delete(token));
        const code = last.headers?.code ?? 0;
        if (code === 0 || taken > before) continue;
        // 404 and 408: there is nothing more. 409, with nothing before it: the consumer has gone.
        if (code === 404 || code === 408) break;
        throw refusal(subject, { code, description: last.headers?.description ?? "" });
      }
    } finally {
      reading?.unsubscribe();
      void handled(this.request(`CONSUMER.DELETE.${stream}.${name}`));
    }
    return { there, all: left === 0 };
  }

  /** The connection has come up. */
  find(): void {
    this.#away = undefined;
  }

  /** The connection is lost: the client would keep what is asked now, and send it later. */
  lose(reason: Error): void {
    this.#away = reason;
    this.#reject(reason);
  }

  #reject(reason: Error): void {
    for (const { settled } of this.#waiting.values()) settled.reject(reason);
    this.#waiting.clear();
    this.#rest();
  }

  /** NATS has refused to take what was published to a subject. */
  refuse(subject: string, error: Error): void {
    for (const [token, waiting] of this.#waiting) {
      if (waiting.subject !== subject) continue;
      this.#waiting.delete(token);
      waiting.settled.reject(error);
    }
  }

  /** Ends the subscription. */
  close(): void {
    this.#answers?.unsubscribe();
    this.#answers = undefined;
  }

  #ask(subject: string, payload: Uint8Array): Promise<NatsMessageLike> {
    const [token, settled] = this.#wait(subject);
    this.#answers ??= this.#connection.subscribe(`${this.#inbox}.a.*`, {
      callback: (error, message) => {
        if (error) {
          this.#answers = undefined;
          return this.#reject(error);
        }
        const token = message.subject.slice(message.subject.lastIndexOf(".") + 1);
        const waiting = this.#waiting.get(token);
        if (waiting === undefined) return;
        this.#waiting.delete(token);
        if (message.headers?.code !== 503) waiting.settled.resolve(message);
        else waiting.settled.reject(refusal(waiting.subject, NOBODY));
      },
    });
    try {
      this.#connection.publish(subject, payload, { reply: `${this.#inbox}.a.${token}` });
    } catch (error) {
      this.#waiting.delete(token);
      settled.reject(error as Error);
    }
    return settled.promise;
  }

  #wait(subject: string): [string, Deferred<NatsMessageLike>] {
    if (this.#away !== undefined) throw this.#away;
    const token = base36(this.#count++);
    const settled = defer<NatsMessageLike>();
    this.#waiting.set(token, { subject, settled, tick: this.#tick });
    this.#timer ??= systemClock.setTicker(() => this.#late(), TICK, "JetStream");
    return [token, settled];
  }

  /** Rejects what has waited too long: the oldest are the first. */
  #late(): void {
    for (const [token, { subject, settled, tick }] of this.#waiting) {
      if (tick === this.#tick) break;
      this.#waiting.delete(token);
      settled.reject(
        new Error(
          `JetStream has not answered to ${JSON.stringify(subject)}: see whether it is overloaded`,
        ),
      );
    }
    this.#tick++;
    this.#rest();
  }

  #rest(): void {
    if (this.#waiting.size > 0) return;
    systemClock.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}

interface Answer {
  readonly error?: Refusal;
}

interface Refusal {
  readonly code: number;
  readonly description: string;
}

const NOBODY: Refusal = { code: 503, description: "no stream listens there" };

function refusal(what: string, { code, description }: Refusal): JetStreamError {
  const message = `JetStream refuses ${JSON.stringify(what)}: ${description} (${code})`;
  return Object.assign(new Error(message), { status: code });
}

/** Whether an error says that there is no such stream or message. */
export function isMissing(error: unknown): boolean {
  return (error as Partial<JetStreamError>).status === 404;
}

/** Whether an error says that nothing has taken a message: its stream has gone. */
export function isGone(error: unknown): boolean {
  return (error as Partial<JetStreamError>).status === 503;
}

/**
 * A prefix as the name of a stream, which may only have letters, digits, `-` and `_`. No two
 * prefixes have the same.
 */
export function streamName(prefix: string): string {
  return prefix.replace(
    /[^A-Za-z0-9-]/g,
    (character) => `_${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Octets as text. */
export function text(octets: Uint8Array): string {
  return decodeUtf8(octets, 0, octets.length) ?? "";
}

function base36(number: number): string {
  return number.toString(36);
}

/** Whether the server knows when a stream was made: until then it says the year 1. */
function isDated({ created }: StreamInfo): boolean {
  return !created.startsWith("0001-");
}
