// What is kept of a topic in this process, and what a connection gets of it that comes back.
//
// 1. A connection that recovers is subscribed at once, and held: nothing that is published reaches
//    it. When the history is there, it gets what it has missed, and is let go within the same call:
//    so nothing is lost in between, and nothing comes twice.
// 2. The history may have been read when this process has not yet been sent all of it. Then the
//    connection stays held until a message comes that it has not got.

import type { Message } from "../connection/message.ts";
import type {
  LatestMessages,
  PublishResult,
  RecoveryReason,
  SubscribeResult,
  TopicPosition,
} from "../connection/publishing.ts";
import type { Dispatcher } from "../connection/dispatcher.ts";
import { PreparedMessage } from "../protocol/prepared_message.ts";
import { contentOf, isPrepared } from "../protocol/sendable.ts";
import {
  checkOptions,
  describe,
  group,
  isObject,
  number,
  type OptionScope,
  type OptionTable,
  text,
} from "../util/check_options.ts";
import { handled } from "../util/promises.ts";
import { deliver } from "./deliver.ts";
import { messageOf, type PlainDelivery } from "./published.ts";
import type { Rule } from "./history_rules.ts";
import type { HistoryStats } from "./memory_history.ts";
import type { Hold, Member, Topic } from "./topic.ts";

/** What of a history is asked for. */
export type Since = TopicPosition | LatestMessages;

/** What `topics.history()` can be told. */
export interface HistoryOptions {
  /** Behind which position to begin: the oldest messages come. Default: the latest messages. */
  readonly since?: TopicPosition | undefined;
  /** The most messages. Default: as many as are kept. */
  readonly limit?: number;
}

/** What each of them may be. */
export const READ_OPTIONS: OptionTable<HistoryOptions> = {
  since: { expected: "a position, { epoch, offset }", check: checkedPosition },
  limit: number("messages", { least: 0 }),
};

const POSITION = group<TopicPosition>({
  epoch: text,
  offset: number("messages", { least: 0 }),
});
const LATEST = group<LatestMessages>({ last: number("messages", { least: 0 }) });

/** A message of a history. */
export interface HistoryMessage {
  /** The message as it was published: a string, or bytes in memory of their own. */
  readonly data: Message;
  /** Its place. */
  readonly position: TopicPosition;
}

/** What `topics.history()` resolves with. */
export interface HistoryResult {
  /** The messages, the oldest first. */
  readonly messages: readonly HistoryMessage[];
  /**
   * Up to where they reach: the position of the last one, or of the end of the history when there
   * are no more. Undefined when the store is away.
   */
  readonly position: TopicPosition | undefined;
  /** Whether nothing behind `since` is missing before or among them. */
  readonly recovered: boolean;
  /** Why something may be missing; undefined when nothing is. */
  readonly reason: RecoveryReason | undefined;
}

/** A message that a history has numbered, on its way to the subscribers. */
export class KeptMessage {
  /** Its place. */
  readonly position: TopicPosition;
  /** The message as it was published. */
  readonly original: PreparedMessage;
  /** Whether it is dropped where a subscriber is behind. */
  readonly droppable: boolean;
  /** What it takes the place of, where a subscriber is behind. */
  readonly key: string | undefined;
  readonly #rule: Rule;
  readonly #report: (error: unknown) => void;
  #formatted: PreparedMessage | undefined;
  #failed = false;

  /** A message with its place. */
  constructor(
    position: TopicPosition,
    { message, droppable, key }: PlainDelivery,
    rule: Rule,
    report: (error: unknown) => void,
  ) {
    // Code of the application gets it, and the history finds messages by it.
    this.position = Object.freeze(position);
    this.original = message;
    this.droppable = droppable;
    this.key = key;
    this.#rule = rule;
    this.#report = report;
  }

  /** Octets of the message as it was published. */
  get length(): number {
    return this.original.length;
  }

  /** What connections get: made by the first; undefined when `format` has thrown. */
  get message(): PreparedMessage | undefined {
    const { format } = this.#rule;
    if (format === undefined) return this.original;
    if (this.#formatted === undefined && !this.#failed) {
      try {
        const data = format(messageOf(this.original), this.position);
        if (isPromise(data)) {
          void handled(Promise.resolve(data));
          throw new TypeError(
            "Expected format to return a message, got a promise: let it not be async",
          );
        }
        const [, , compress] = contentOf(this.original);
        this.#formatted = isPrepared(data) ? data : new PreparedMessage(data, { compress });
      } catch (error) {
        this.#failed = true;
        this.#report(error);
      }
    }
    return this.#formatted;
  }
}

/** What a process has of a history, without a hole. */
export interface Window {
  /** The epoch. */
  readonly epoch: string;
  /** The messages, the oldest first. */
  readonly messages: readonly KeptMessage[];
  /** The offset up to which it reaches. */
  readonly last: number;
  /** The offset behind which no message is missing. */
  readonly gone: number;
}

/** What a connection that recovers gets. */
export interface Recovery {
  /** The messages, the oldest first. */
  readonly messages: readonly KeptMessage[];
  /** Up to where they reach. */
  readonly position: TopicPosition | undefined;
  /** Why some may be missing. */
  readonly reason: RecoveryReason | undefined;
  /** Whether what is delivered in this process from now on follows the position. */
  readonly live: boolean;
}

/** The histories of all topics, as a hub sees them. */
export interface Histories {
  /** A copy of `since`. Throws when a topic has no history, or `since` is of the wrong kind. */
  check(topic: string, since: unknown): Since;
  /** Numbers, keeps and delivers a message, if its topic has one; absent where a broker does. */
  publish?(
    topic: string,
    delivery: PlainDelivery,
    except: Dispatcher | undefined,
  ): PublishResult | undefined;
  /** Subscribes a connection that is held, once the topic is joined. See `recover()`. */
  recover(
    topic: Topic,
    member: Member,
    joining: Promise<SubscribeResult>,
    since: Since,
  ): Promise<SubscribeResult>;
  /** What is kept in this process; absent where a broker keeps it. */
  stats?(): HistoryStats;
  /** See `Topics.history()`. */
  history(topic: string, options: HistoryOptions | undefined): Promise<HistoryResult>;
}

/** What of a window a connection gets. */
export function select(window: Window, since: Since, live: boolean): Recovery {
  const { epoch, messages, last, gone } = window;
  const position = { epoch, offset: last };
  // A copy: sending may lead to more messages.
  const whole = (reason: RecoveryReason): Recovery => ({
    messages: [...messages],
    position,
    reason,
    live,
  });
  if ("last" in since) {
    // slice(-0) would be all of them.
    const latest = messages.slice(Math.max(0, messages.length - since.last));
    return { messages: latest, position, reason: undefined, live };
  }
  if (since.epoch !== epoch || since.offset > last) return whole("epoch");
  if (since.offset < gone) return whole("expired");
  const missed = messages.filter(({ position }) => position.offset > since.offset);
  return { messages: missed, position, reason: undefined, live };
}

/** What a connection gets when the store is away. */
export const UNAVAILABLE: Recovery = {
  messages: [],
  position: undefined,
  reason: "unavailable",
  live: true,
};

/**
 * Sends a connection what it asks for of a history, and lets it go.
 *
 * @param topic The topic.
 * @param member The connection, which is subscribed.
 * @param since What it asks for.
 * @param joining Resolves once the topic is joined.
 * @param read Calls back with what the connection gets, within the call or later.
 */
export async function recover(
  topic: Topic,
  member: Member,
  since: Since,
  joining: Promise<SubscribeResult>,
  read: (settle: (recovery: Recovery) => void) => void,
): Promise<SubscribeResult> {
  const hold = topic.hold(member);
  const { joined } = await joining;
  const recovery = await new Promise<Recovery>((resolve) => {
    const settle = (recovery: Recovery): void => {
      // While the store is away it has what it says that it has.
      if ("offset" in since) hold.until = since;
      resolve(send(topic, member, hold, recovery));
    };
    if (joined) read(settle);
    else settle(UNAVAILABLE);
  });
  const { position, reason } = recovery;
  return { joined, recovered: reason === undefined, position, reason };
}

/** Sends the messages, and lets the connection go. Returns what became of them. */
function send(topic: Topic, member: Member, hold: Hold, recovery: Recovery): Recovery {
  const tally = { delivered: 0, queued: 0, overflowed: 0, droppable: 0, coalesced: 0 };
  const { messages, position, live } = recovery;
  for (const kept of messages) {
    // Code of the application may run in both, and end the subscription, or begin it anew.
    const message = topic.holds(member, hold) ? kept.message : undefined;
    if (message !== undefined && topic.holds(member, hold)) deliver(member, message, false, tally);
  }
  if (!topic.holds(member, hold)) return UNAVAILABLE;
  if (position !== undefined) hold.until = position;
  if (hold.until === undefined || (live && position !== undefined)) topic.release(member);
  return tally.overflowed > 0 ? { ...recovery, reason: "overflow" } : recovery;
}

/** Checks what `since` of `subscribe()` was given, and copies it. */
export function checkedSince(since: unknown): Since {
  const scope = { owner: "subscribe()", table: {} };
  if (!isObject(since) || !("last" in since)) return checkedPosition("since", since, scope);
  const { last } = since;
  LATEST.check("since", { last: last ?? null }, scope);
  return { last: last as number };
}

function checkedPosition(name: string, position: unknown, scope: OptionScope): TopicPosition {
  if (isObject(position)) {
    const { epoch, offset, ...others } = position;
    POSITION.check(name, { epoch, offset, ...others }, scope);
    if (epoch !== undefined && offset !== undefined) return { epoch, offset } as TopicPosition;
  }
  const got = isObject(position) ? "only a part of one" : describe(position);
  const latest = scope.owner === "subscribe()" ? ", or { last } for the latest messages" : "";
  throw new TypeError(
    `Expected ${name} to be a position, { epoch, offset }${latest}, got ${got}: leave it out where there is none`,
  );
}

/** Checks the options of `topics.history()`, and copies them. */
export function checkedHistoryOptions(options: HistoryOptions = {}): HistoryOptions {
  const owner = "topics.history()";
  checkOptions(owner, options, READ_OPTIONS);
  const { since, limit } = options;
  const position = since && checkedPosition("since", since, { owner, table: {} });
  return { since: position, ...(limit !== undefined && { limit }) };
}

function isPromise(value: unknown): boolean {
  return isObject(value) && typeof value["then"] === "function";
}

/** What a program gets of messages. */
export function resultOf(
  messages: readonly KeptMessage[],
  position: TopicPosition | undefined,
  reason: RecoveryReason | undefined,
): HistoryResult {
  return {
    messages: messages.map(({ original, position }) => ({ data: messageOf(original), position })),
    position,
    recovered: reason === undefined,
    reason,
  };
}
