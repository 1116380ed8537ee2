// The history of topics in the memory of this process, where there is no backplane.
//
// 1. A message is numbered, kept and delivered within `publish()`. What a listener publishes to the
//    same topic meanwhile is delivered behind it, so that all subscribers have one order.
// 2. There is no timer. What is too old is not given to anyone, and its memory is free with one of
//    the next publications: each looks at the two topics that have been quiet for longest.
// 3. All histories together take at most 64 MiB. Beyond that the topic that has been quiet for
//    longest loses its oldest messages, and that is counted. A topic without messages keeps its
//    numbers, so that a position stays valid; the last 100,000 of them do.

import type { PublishResult, SubscribeResult } from "../connection/publishing.ts";
import type { Dispatcher } from "../connection/dispatcher.ts";
import { type Clock, systemClock } from "../util/clock.ts";
import { createOrigin, formatOrigin } from "./envelope.ts";
import {
  checkedHistoryOptions,
  checkedSince,
  type Histories,
  type HistoryOptions,
  type HistoryResult,
  KeptMessage,
  recover,
  resultOf,
  select,
  type Since,
  type Window,
} from "./history.ts";
import type { Rule, RuleOf } from "./history_rules.ts";
import type { Inbound } from "./hub.ts";
import { type PlainDelivery, withoutHistory } from "./published.ts";
import type { Member, Topic } from "./topic.ts";

/** The most octets of all histories. */
const BOUND = 67_108_864;
/** What a message takes besides its octets, roughly. */
const OVERHEAD = 400;
/** The most topics without messages whose numbers are known. */
const QUIET = 100_000;

/** What the histories in memory have counted. */
export interface HistoryStats {
  /** Topics with messages that are kept. */
  readonly topics: number;
  /** Messages that are kept. */
  readonly messages: number;
  /** Octets that they take: at most 64 MiB. */
  readonly octets: number;
  /** Messages that had to go before their time, because there were too many octets. */
  readonly evicted: number;
}

/** One topic. */
class Kept {
  readonly name: string;
  readonly rule: Rule;
  readonly epoch: string;
  /** The messages, the oldest first, and when each was published. */
  messages: KeptMessage[] = [];
  times: number[] = [];
  /** The last number. */
  last = 0;
  /** Whether a message is being delivered. */
  busy = false;
  /** What was published meanwhile. */
  readonly waiting: [message: KeptMessage, except: Dispatcher | undefined][] = [];

  constructor(name: string, rule: Rule, epoch: string) {
    this.name = name;
    this.rule = rule;
    this.epoch = epoch;
  }
}

/** The histories of the topics of one process. */
export class MemoryHistory implements Histories {
  readonly #hub: Inbound;
  readonly #ruleOf: RuleOf;
  readonly #report: (error: unknown) => void;
  readonly #clock: Clock;
  readonly #bound: number;
  readonly #quiet: number;
  /** Topics with messages, those that have been quiet for longest first. */
  readonly #kept = new Map<string, Kept>();
  /** Topics without. */
  readonly #empty = new Map<string, Kept>();
  readonly #origin = formatOrigin(createOrigin());
  #epochs = 0;
  #messages = 0;
  #octets = 0;
  #evicted = 0;

  /**
   * No messages.
   *
   * @param hub Delivers.
   * @param ruleOf Finds the rule of a topic.
   * @param report Reports what `format` throws.
   * @param clock Tells the time.
   * @param bound The most octets.
   * @param quiet The most topics without messages.
   */
  constructor(
    hub: Inbound,
    ruleOf: RuleOf,
    report: (error: unknown) => void,
    clock: Clock = systemClock,
    bound: number = BOUND,
    quiet: number = QUIET,
  ) {
    this.#hub = hub;
    this.#ruleOf = ruleOf;
    this.#report = report;
    this.#clock = clock;
    this.#bound = bound;
    this.#quiet = quiet;
  }

  /** What has been counted. */
  stats(): HistoryStats {
    const topics = this.#kept.size;
    return { topics, messages: this.#messages, octets: this.#octets, evicted: this.#evicted };
  }

  /** Implements {@linkcode Histories}. */
  check(name: string, since: unknown): Since {
    if (this.#ruleOf(name) === undefined) throw withoutHistory(name);
    return checkedSince(since);
  }

  /** Implements {@linkcode Histories}. */
  publish(
    name: string,
    delivery: PlainDelivery,
    except: Dispatcher | undefined,
  ): PublishResult | undefined {
    const rule = this.#ruleOf(name);
    if (rule === undefined) return undefined;
    const kept = this.#find(name, rule);
    const position = { epoch: kept.epoch, offset: ++kept.last };
    const message = new KeptMessage(position, delivery, rule, this.#report);
    this.#add(kept, message);
    if (kept.busy) {
      kept.waiting.push([message, except]);
      return { delivered: 0, queued: 0, dropped: 0, deferred: true };
    }
    return this.#deliver(kept, () => this.#hub.deliver(name, message, except));
  }

  /** Delivers something, and then what was published to the topic meanwhile. */
  #deliver<T>(kept: Kept, deliver: () => T): T {
    kept.busy = true;
    try {
      const result = deliver();
      for (let next; (next = kept.waiting.shift());) this.#hub.deliver(kept.name, ...next);
      return result;
    } finally {
      kept.busy = false;
    }
  }

  /** Implements {@linkcode Histories}. */
  recover(
    topic: Topic,
    member: Member,
    joining: Promise<SubscribeResult>,
    since: Since,
  ): Promise<SubscribeResult> {
    return recover(topic, member, since, joining, (settle) => {
      const kept = this.#find(topic.name, this.#ruleOf(topic.name)!);
      const window = this.#window(topic.name);
      this.#deliver(kept, () => settle(select(window, since, true)));
    });
  }

  /** Implements {@linkcode Histories}. */
  history(name: string, options: HistoryOptions | undefined): Promise<HistoryResult> {
    const { since, limit = Infinity } = checkedHistoryOptions(options);
    if (this.#ruleOf(name) === undefined) throw withoutHistory(name);
    return Promise.resolve(page(this.#window(name), since, limit));
  }

  #find(name: string, rule: Rule): Kept {
    let kept = this.#kept.get(name) ?? this.#empty.get(name);
    if (kept === undefined) {
      kept = new Kept(name, rule, `${this.#origin}-${++this.#epochs}`);
      this.#empty.set(name, kept);
      if (this.#empty.size > this.#quiet) dropFirst(this.#empty);
    }
    return kept;
  }

  #window(name: string): Window {
    const kept = this.#find(name, this.#ruleOf(name)!);
    this.#expire(kept);
    const { epoch, messages, last } = kept;
    return { epoch, messages: [...messages], last, gone: last - messages.length };
  }

  #add(kept: Kept, message: KeptMessage): void {
    const { name, rule, messages, times } = kept;
    messages.push(message);
    times.push(this.#clock.now());
    this.#messages++;
    this.#octets += OVERHEAD + message.length;
    if (messages.length > rule.size) this.#drop(kept, 1);
    // It is the last to have been published to.
    this.#empty.delete(name);
    this.#kept.delete(name);
    this.#kept.set(name, kept);
    let looks = 2;
    for (const quiet of this.#kept.values()) {
      if (looks-- === 0) break;
      this.#expire(quiet);
    }
    for (const quiet of this.#kept.values()) {
      while (this.#octets > this.#bound && quiet.messages.length > 0) {
        this.#evicted++;
        this.#drop(quiet, 1);
      }
      if (this.#octets <= this.#bound) break;
    }
  }

  /** Drops what is too old. */
  #expire(kept: Kept): void {
    const { times, rule } = kept;
    const since = this.#clock.now() - rule.ttl;
    if (times.length === 0 || times[0]! > since) return;
    const first = times.findIndex((time) => time > since);
    this.#drop(kept, first < 0 ? times.length : first);
  }

  /** Drops the oldest messages of a topic. */
  #drop(kept: Kept, count: number): void {
    for (const { length } of kept.messages.splice(0, count)) this.#octets -= OVERHEAD + length;
    kept.times.splice(0, count);
    this.#messages -= count;
    if (kept.messages.length > 0) return;
    this.#kept.delete(kept.name);
    this.#empty.set(kept.name, kept);
    if (this.#empty.size > this.#quiet) dropFirst(this.#empty);
  }
}

/** What a program gets of a window. */
function page(window: Window, since: HistoryOptions["since"], limit: number): HistoryResult {
  const { epoch, last } = window;
  const { messages, reason } = select(window, since ?? { last: limit }, true);
  const some = messages.slice(0, limit);
  const whole = some.length === messages.length;
  return resultOf(some, whole ? { epoch, offset: last } : some.at(-1)?.position ?? since, reason);
}

function dropFirst(map: Map<string, unknown>): void {
  for (const name of map.keys()) {
    map.delete(name);
    return;
  }
}
