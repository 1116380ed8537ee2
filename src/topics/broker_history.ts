// The history of topics that a broker keeps: what a relay does for topics with history.
//
// A topic with history is ordered by its store: what is published here, too, is delivered when it
// comes back numbered. So there are no numbers of publishers to compare and nothing to repeat but
// the last position, and what a publisher's broker has not taken is told to that publisher alone.

import type { RecoveryReason, SubscribeResult, TopicPosition } from "../connection/publishing.ts";
import type { Dispatcher } from "../connection/dispatcher.ts";
import type { Clock } from "../util/clock.ts";
import { decodeUtf8, encodeUtf8 } from "../util/utf8.ts";
import type { HistoryStore, StoredPosition } from "./backplane.ts";
import { topicChannel } from "./channel_name.ts";
import { decodeEnvelope, type Envelope, Kind } from "./envelope.ts";
import {
  checkedHistoryOptions,
  checkedSince,
  type Histories,
  type HistoryOptions,
  type HistoryResult,
  KeptMessage,
  recover,
  resultOf,
  type Since,
  UNAVAILABLE,
} from "./history.ts";
import type { Rule, RuleOf } from "./history_rules.ts";
import type { Inbound } from "./hub.ts";
import { withoutHistory } from "./published.ts";
import { type Incoming, open } from "./incoming.ts";
import type { TopicGap } from "./relay_stats.ts";
import type { LogPage, StoredMessage } from "./log_window.ts";
import { StoreCalls } from "./store_calls.ts";
import { type LogSource, TopicLog } from "./topic_log.ts";
import type { Member, Topic } from "./topic.ts";

/** What it needs of a relay. */
export interface BrokerHistoryOptions {
  /** The store. */
  readonly store: HistoryStore;
  /** Finds the rule of a topic. */
  readonly ruleOf: RuleOf;
  /** What the names of channels begin with. */
  readonly prefix: string;
  /** Tells the time. */
  readonly clock: Clock;
  /** Delivers. */
  readonly hub: Inbound;
  /** Counts. */
  readonly incoming: Incoming;
  /** The log of a topic that is joined. */
  readonly logOf: (channel: string) => TopicLog | undefined;
  /** Resolves when the broker has come, or counts as away. */
  readonly started: Promise<void>;
  /** Whether the broker is there. */
  readonly up: () => boolean;
  /** Tells of a gap. */
  readonly gap: (gap: TopicGap) => void;
  /** Reports what `format` throws. */
  readonly report: (error: unknown) => void;
  /** Reports what the store refuses, now and then. */
  readonly refused: (error: unknown) => void;
}

/** The histories that a broker keeps. */
export class BrokerHistory implements Histories, LogSource {
  readonly clock: Clock;
  readonly consecutive: boolean;
  readonly counts: LogSource["counts"];
  readonly refused: (error: unknown) => void;
  readonly #options: BrokerHistoryOptions;
  readonly #calls: StoreCalls;

  /** Nothing is read yet. */
  constructor(options: BrokerHistoryOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.#calls = new StoreCalls(options.clock, "history");
    this.consecutive = options.store.consecutive;
    this.counts = options.incoming.counts;
    this.refused = options.refused;
  }

  /** The rule of a topic, if it has history. */
  ruleOf(topic: string): Rule | undefined {
    return this.#options.ruleOf(topic);
  }

  /** Makes the log of a topic that is about to be joined. */
  openLog(topic: string, rule: Rule): TopicLog {
    return new TopicLog(topic, rule, this);
  }

  /** A message has come on the channel of a topic. */
  receive(
    topic: string,
    log: TopicLog,
    envelope: Envelope | number | undefined,
    position: StoredPosition | undefined,
  ): void {
    const { incoming } = this.#options;
    const known = incoming.known(envelope);
    if (known === undefined) return;
    if (known.kind === Kind.repeat) {
      const last = readPosition(known.payload);
      if (last === undefined) this.#malformed();
      else log.remind(last);
      return;
    }
    if (position === undefined) return this.#malformed();
    const { epoch, offset } = position;
    const message = this.#read({ epoch, offset }, known, this.ruleOf(topic)!);
    if (message === undefined) return;
    incoming.counts.received++;
    log.receive({ ...message, position });
  }

  /** Implements {@linkcode Histories}. */
  check(topic: string, since: unknown): Since {
    if (this.ruleOf(topic) === undefined) throw withoutHistory(topic);
    return checkedSince(since);
  }

  /** Implements {@linkcode Histories}. */
  recover(
    topic: Topic,
    member: Member,
    joining: Promise<SubscribeResult>,
    since: Since,
  ): Promise<SubscribeResult> {
    return recover(topic, member, since, joining, (settle) => {
      const log = this.#options.logOf(this.#channel(topic.name));
      if (log === undefined) settle(UNAVAILABLE);
      else log.recover(since, settle);
    });
  }

  /** Implements {@linkcode Histories}. */
  async history(topic: string, options: HistoryOptions | undefined): Promise<HistoryResult> {
    const { since, limit = Infinity } = checkedHistoryOptions(options);
    const rule = this.ruleOf(topic);
    if (rule === undefined) throw withoutHistory(topic);
    const most = Math.min(limit, rule.size);
    await this.#options.started;
    try {
      let page = await this.read(topic, rule, since?.offset, most);
      let reason: RecoveryReason | undefined;
      if (since !== undefined && (page.epoch !== since.epoch || since.offset > page.offset)) {
        reason = "epoch";
        page = await this.read(topic, rule, undefined, most);
      } else if (since !== undefined && !page.complete) {
        reason = "expired";
      }
      const messages = page.messages.map(({ kept }) => kept);
      return resultOf(messages, { epoch: page.epoch, offset: page.end }, reason);
    } catch (error) {
      this.refused(error);
      return resultOf([], undefined, "unavailable");
    }
  }

  /** Implements {@linkcode LogSource}. */
  async read(
    topic: string,
    rule: Rule,
    after: number | undefined,
    limit: number,
  ): Promise<LogPage> {
    const { store, up } = this.#options;
    const page = await this.#calls.run(() => {
      if (!up()) throw new Error("The broker is away, and with it the history of topics");
      return store.read(this.#channel(topic), after, limit, { size: rule.size, ttl: rule.ttl });
    });
    const { epoch, offset, complete } = page;
    const messages = page.messages.flatMap(({ offset, envelope }) => {
      const known = this.#options.incoming.known(decodeEnvelope(envelope));
      return known && this.#read({ epoch, offset }, known, rule) || [];
    });
    const last = page.messages.at(-1)?.offset;
    const more = after !== undefined && page.messages.length >= limit;
    return { epoch, offset, messages, complete, end: more ? last ?? after : offset };
  }

  /** Implements {@linkcode LogSource}. */
  deliver(topic: string, message: KeptMessage, except: Dispatcher | undefined): void {
    this.#options.hub.deliver(topic, message, except);
  }

  /** Implements {@linkcode LogSource}. */
  gap(topic: string, missed: number, reason: RecoveryReason): void {
    this.#options.incoming.counts.missed += missed;
    this.#options.gap({ topic, origin: undefined, missed, reason });
  }

  /** Reads a message; undefined, and counted, when it is none. */
  #read(
    position: TopicPosition,
    envelope: Envelope,
    rule: Rule,
  ): StoredMessage | undefined {
    const message = envelope.kind === Kind.message ? open(envelope) : undefined;
    if (message === undefined) {
      this.#malformed();
      return undefined;
    }
    const { droppable, key } = envelope;
    const kept = new KeptMessage(position, { message, droppable, key }, rule, this.#options.report);
    return { kept, except: this.#options.incoming.exceptOf(envelope) };
  }

  #malformed(): void {
    this.#options.incoming.counts.malformed++;
  }

  #channel(topic: string): string {
    return topicChannel(this.#options.prefix, topic, "h");
  }
}

/** A position, as a publisher repeats its last one. */
export function writePosition({ epoch, offset }: TopicPosition): Uint8Array {
  return encodeUtf8(`${offset} ${epoch}`);
}

function readPosition(payload: Uint8Array): TopicPosition | undefined {
  const text = decodeUtf8(payload, 0, payload.length) ?? "";
  const [, offset, epoch] = /^(\d{1,16}) (.{1,64})$/u.exec(text) ?? [];
  return epoch === undefined ? undefined : { epoch, offset: Number(offset) };
}
