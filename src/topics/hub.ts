// The topics of one process, and who has subscribed to them.
//
// 1. A topic exists while it has a subscriber. Publishing to any other makes nothing.
// 2. User code runs at three places: listeners, the hooks for the first and the last subscriber,
//    and what a connection that is written to may call. Each of them may subscribe, unsubscribe
//    and publish (topic.ts, rule 2), and what it throws is reported and stops nothing.

import type { Message } from "../connection/message.ts";
import type { Dispatcher } from "../connection/dispatcher.ts";
import type {
  Publishable,
  PublishOptions,
  PublishResult,
  SubscribeResult,
  TopicHub,
} from "../connection/publishing.ts";
import { Opcode } from "../protocol/frame_header.ts";
import { PreparedMessage } from "../protocol/prepared_message.ts";
import { contentOf, isPrepared } from "../protocol/sendable.ts";
import { checkOptions, flag, type OptionTable, text } from "../util/check_options.ts";
import { handled, tell } from "../util/promises.ts";
import { decodeUtf8 } from "../util/utf8.ts";
import { deliver, deliverLatest, type Tally } from "./deliver.ts";
import { Member, Topic, type TopicListener } from "./topic.ts";
import { checkName } from "./topic_name.ts";

/** What each option of `publish()` may be. */
export const PUBLISH_OPTIONS: OptionTable<PublishOptions> = {
  compress: flag,
  binary: flag,
  droppable: flag,
  coalesce: text,
};

/** The hooks of {@linkcode Hub}. */
export interface HubHooks {
  /** A topic has its first subscriber. */
  readonly first: ((topic: string) => unknown) | undefined;
  /** A topic has none any more. */
  readonly last: ((topic: string) => unknown) | undefined;
  /** Reports what user code throws. */
  readonly report: (error: unknown) => void;
}

/** The topics of one process. */
export class Hub implements TopicHub {
  /** Those that have a subscriber, by name. */
  readonly topics: Map<string, Topic> = new Map();
  /** What has become of all messages. */
  readonly tally: Tally = { delivered: 0, queued: 0, overflowed: 0, droppable: 0, coalesced: 0 };
  /** Messages published. */
  published = 0;
  /** Subscriptions now, those of functions included. */
  subscriptions = 0;
  readonly #hooks: HubHooks;

  /** No topics. */
  constructor(hooks: HubHooks) {
    this.#hooks = hooks;
  }

  /** Implements {@linkcode TopicHub}. */
  join(dispatcher: Dispatcher, name: string): Promise<SubscribeResult> {
    checkTopic(name);
    if (!dispatcher.endpoint.open) {
      return handled(Promise.reject(dispatcher.endpoint.whyNotOpen()));
    }
    const member = memberOf(dispatcher) ?? new Member(dispatcher, (topic) => this.#left(topic));
    dispatcher.subscriptions = member;
    const topic = this.#topic(name);
    if (member.find(topic) < 0) {
      member.add(topic);
      this.#joined(topic);
    }
    return Promise.resolve({ joined: true });
  }

  /** Implements {@linkcode TopicHub}. */
  leave(dispatcher: Dispatcher, name: string): boolean {
    checkTopic(name);
    const topic = this.topics.get(name);
    const member = memberOf(dispatcher);
    const slot = topic === undefined ? -1 : member?.find(topic) ?? -1;
    if (slot < 0) return false;
    member!.remove(slot);
    return true;
  }

  /** Implements {@linkcode TopicHub}. */
  names(dispatcher: Dispatcher): ReadonlySet<string> {
    return new Set(memberOf(dispatcher)?.names);
  }

  /** Calls a function with what is published. A second subscription of it is the same. */
  listen(name: string, listener: TopicListener): Promise<SubscribeResult> {
    checkTopic(name);
    const topic = this.#topic(name);
    if (!topic.listeners.includes(listener)) {
      topic.listeners = [...topic.listeners, listener];
      this.#joined(topic);
    }
    return Promise.resolve({ joined: true });
  }

  /** Ends that; false when there was nothing to end. */
  unlisten(name: string, listener: TopicListener): boolean {
    checkTopic(name);
    const topic = this.topics.get(name);
    if (topic === undefined || !topic.listeners.includes(listener)) return false;
    topic.listeners = topic.listeners.filter((one) => one !== listener);
    this.#left(topic);
    return true;
  }

  /** Implements {@linkcode TopicHub}. */
  publish(
    name: string,
    data: Publishable,
    options: PublishOptions | undefined,
    except: Dispatcher | undefined,
  ): PublishResult {
    const topic = this.topics.get(name);
    if (topic === undefined) checkTopic(name);
    const { droppable = false, coalesce, ...how } = checkedOptions(options);
    const message = isPrepared(data) ? data : new PreparedMessage(data, how);
    this.published++;
    const tally: Tally = { delivered: 0, queued: 0, overflowed: 0, droppable: 0, coalesced: 0 };
    if (topic !== undefined) {
      // The same key of another topic is another key.
      const key = coalesce && `${name.length} ${name}${coalesce}`;
      topic.forEach(except, (member) => {
        if (key === undefined) deliver(member, message, droppable, tally);
        else deliverLatest(member, message, key, droppable, tally);
      });
      this.#call(topic, message, tally);
    }
    const { delivered, queued, overflowed, droppable: unwanted, coalesced } = tally;
    const total = this.tally;
    total.delivered += delivered;
    total.queued += queued;
    total.overflowed += overflowed;
    total.droppable += unwanted;
    total.coalesced += coalesced;
    return { delivered, queued, dropped: overflowed + unwanted };
  }

  /** Calls the listeners, each with bytes of its own. */
  #call(topic: Topic, message: PreparedMessage, tally: Tally): void {
    const { listeners, name } = topic;
    if (listeners.length === 0) return;
    const [payload, opcode] = contentOf(message);
    const text = opcode === Opcode.text ? decodeUtf8(payload, 0, payload.length) : undefined;
    for (const listener of listeners) {
      if (topic.listeners !== listeners && !topic.listeners.includes(listener)) continue;
      tally.delivered++;
      const data: Message = text ?? payload.slice();
      tell((data) => listener(data, name), data, this.#hooks.report);
    }
  }

  #topic(name: string): Topic {
    let topic = this.topics.get(name);
    if (topic === undefined) this.topics.set(name, topic = new Topic(name));
    return topic;
  }

  /** A topic has one subscriber more. */
  #joined({ name, size }: Topic): void {
    this.subscriptions++;
    if (size === 1) this.#tell(this.#hooks.first, name);
  }

  /** A topic has one subscriber less. */
  #left({ name, size }: Topic): void {
    this.subscriptions--;
    if (size > 0) return;
    this.topics.delete(name);
    this.#tell(this.#hooks.last, name);
  }

  #tell(hook: ((topic: string) => unknown) | undefined, name: string): void {
    if (hook !== undefined) tell(hook, name, this.#hooks.report);
  }
}

/** Only a hub makes the subscriptions of a connection, and they are members of its topics. */
function memberOf({ subscriptions }: Dispatcher): Member | undefined {
  return subscriptions as Member | undefined;
}

const NO_OPTIONS: PublishOptions = Object.freeze({});

function checkedOptions(options: PublishOptions | undefined): PublishOptions {
  if (options === undefined) return NO_OPTIONS;
  checkOptions("publish()", options, PUBLISH_OPTIONS);
  if (options.coalesce !== undefined) checkName("coalesce", options.coalesce);
  return options;
}

function checkTopic(name: unknown): void {
  checkName("the name of a topic", name);
}
