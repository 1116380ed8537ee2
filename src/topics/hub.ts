// The topics of one process, and who has subscribed to them. Those of other processes are reached
// through `peers`, which comes only with a backplane.
//
// 1. A topic exists while it has a subscriber. Publishing to any other makes nothing.
// 2. User code runs at three places: listeners, the hooks for the first and the last subscriber,
//    and what a connection that is written to may call. Each of them may subscribe, unsubscribe
//    and publish (topic.ts, rule 2), and what it throws is reported and stops nothing.

import type { Message } from "../connection/message.ts";
import type { WebSocketConnection } from "../connection/connection.ts";
import type { Dispatcher } from "../connection/dispatcher.ts";
import type {
  Publishable,
  PublishOptions,
  PublishResult,
  SendResult,
  SubscribeResult,
  TopicHub,
} from "../connection/publishing.ts";
import { Opcode } from "../protocol/frame_header.ts";
import { PreparedMessage } from "../protocol/prepared_message.ts";
import { checkSendOptions, contentOf, isPrepared, type SendOptions } from "../protocol/sendable.ts";
import { checkOptions, describe, flag, type OptionTable, text } from "../util/check_options.ts";
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
  readonly first?: ((topic: string) => unknown) | undefined;
  /** A topic has none any more. */
  readonly last?: ((topic: string) => unknown) | undefined;
  /** Reports what user code throws. */
  readonly report: (error: unknown) => void;
}

/** A message for the subscribers of a topic. */
export interface Delivery {
  /** The message. */
  readonly message: PreparedMessage;
  /** Whether it is dropped where a subscriber is behind. */
  readonly droppable: boolean;
  /** What it takes the place of, where a subscriber is behind. */
  readonly key: string | undefined;
}

/** What a hub does with what comes from other processes. */
export interface Inbound {
  /** Delivers a message to the subscribers here, except one. */
  deliver(topic: string, delivery: Delivery, except: Dispatcher | undefined): PublishResult;
  /** Sends a message to a connection; false when there is none of that name. */
  direct(id: string, message: PreparedMessage): boolean;
}

/** The way of a hub to other processes. */
export interface Peers {
  /** The topic has a subscriber here. Resolves with whether it is joined. */
  join(topic: string): Promise<boolean>;
  /** It has none any more. */
  leave(topic: string): void;
  /** Whether its messages are delivered only when they come back from the broker. */
  defers(topic: string): boolean;
  /** Throws a RangeError for a message that is too large. */
  check(message: PreparedMessage): void;
  /** Publishes a message to other processes. */
  publish(topic: string, delivery: Delivery, except: Dispatcher | undefined): void;
  /** Sends a message to a connection of another process. False when it was not taken. */
  direct(id: string, message: PreparedMessage): boolean;
}

/** The topics of one process. */
export class Hub implements TopicHub, Inbound {
  /** Those that have a subscriber, by name. */
  readonly topics: Map<string, Topic> = new Map();
  /** What has become of all messages. */
  readonly tally: Tally = { delivered: 0, queued: 0, overflowed: 0, droppable: 0, coalesced: 0 };
  /** Messages published. */
  published = 0;
  /** Subscriptions now, those of functions included. */
  subscriptions = 0;
  /** The way to other processes, if there is one. */
  peers: Peers | undefined;
  /** Whether they were closed. */
  closed = false;
  readonly #hooks: HubHooks;
  /** The connections of the servers that have these topics. */
  #crowds: WeakRef<ReadonlySet<WebSocketConnection>>[] = [];
  /** All of them by `id`; made by the first look for one. */
  #byId: Map<string, WebSocketConnection> | undefined;

  /** No topics. */
  constructor(hooks: HubHooks) {
    this.#hooks = hooks;
  }

  /** Implements {@linkcode TopicHub}. */
  join(dispatcher: Dispatcher, name: string): Promise<SubscribeResult> {
    checkTopic(name);
    this.#checkOpen();
    if (!dispatcher.endpoint.open) {
      return handled(Promise.reject(dispatcher.endpoint.whyNotOpen()));
    }
    const member = memberOf(dispatcher) ?? new Member(dispatcher, (topic) => this.#left(topic));
    dispatcher.subscriptions = member;
    const topic = this.#topic(name);
    const added = member.find(topic) < 0;
    if (added) member.add(topic);
    return this.#join(topic, added);
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
    this.#checkOpen();
    const topic = this.#topic(name);
    return this.#join(topic, topic.listen(listener));
  }

  /** Ends that; false when there was nothing to end. */
  unlisten(name: string, listener: TopicListener): boolean {
    checkTopic(name);
    const topic = this.topics.get(name);
    if (!topic?.unlisten(listener)) return false;
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
    if (!this.topics.has(name)) checkTopic(name);
    this.#checkOpen();
    const { droppable = false, coalesce: key, ...how } = checkedOptions(options);
    const message = isPrepared(data) ? data : new PreparedMessage(data, how);
    const delivery = { message, droppable, key };
    const { peers } = this;
    peers?.check(message);
    this.published++;
    peers?.publish(name, delivery, except);
    if (peers?.defers(name)) return { delivered: 0, queued: 0, dropped: 0, deferred: true };
    return this.deliver(name, delivery, except);
  }

  /** Implements {@linkcode Inbound}. */
  deliver(name: string, delivery: Delivery, except: Dispatcher | undefined): PublishResult {
    const { message, droppable } = delivery;
    const topic = this.topics.get(name);
    const tally: Tally = { delivered: 0, queued: 0, overflowed: 0, droppable: 0, coalesced: 0 };
    if (topic !== undefined) {
      // The same key of another topic is another key.
      const key = delivery.key && `${name.length} ${name}${delivery.key}`;
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

  /** Sends a message to the connection with an `id`, here or elsewhere. See `Topics.send()`. */
  send(id: string, data: Publishable, options: SendOptions | undefined): SendResult {
    checkId(id);
    this.#checkOpen();
    if (options !== undefined) checkSendOptions("topics.send()", options);
    const message = isPrepared(data) ? data : new PreparedMessage(data, options);
    if (this.direct(id, message)) return "here";
    const { peers } = this;
    peers?.check(message);
    return peers?.direct(id, message) ? "passed on" : "nowhere";
  }

  /** Implements {@linkcode Inbound}. */
  direct(id: string, message: PreparedMessage): boolean {
    this.#byId ??= this.#index();
    const connection = this.#byId.get(id);
    if (connection?.state !== "open") return false;
    void handled(connection.send(message));
    return true;
  }

  /** Implements {@linkcode TopicHub}. */
  register(connections: ReadonlySet<WebSocketConnection>): void {
    this.#crowds = this.#crowds.filter((crowd) => crowd.deref() !== undefined);
    this.#crowds.push(new WeakRef(connections));
  }

  /** Implements {@linkcode TopicHub}. */
  opened(connection: WebSocketConnection): void {
    this.#byId?.set(connection.id, connection);
  }

  /** Implements {@linkcode TopicHub}. */
  ended(connection: WebSocketConnection): void {
    this.#byId?.delete(connection.id);
  }

  /** Ends all subscriptions, and refuses new ones. */
  close(): void {
    this.closed = true;
    for (const topic of [...this.topics.values()]) {
      for (const { dispatcher } of [...topic.members]) dispatcher.subscriptions?.end();
      for (const listener of topic.listeners) this.unlisten(topic.name, listener);
    }
  }

  #index(): Map<string, WebSocketConnection> {
    const connections = this.#crowds.flatMap((crowd) => [...crowd.deref() ?? []]);
    return new Map(connections.map((connection) => [connection.id, connection]));
  }

  /** Joins a topic wherever messages come from; it may have one subscriber more. */
  #join({ name, size }: Topic, added: boolean): Promise<SubscribeResult> {
    // Before the hook, which may end the subscription.
    const result = this.peers?.join(name).then((joined) => ({ joined }));
    if (added) {
      this.subscriptions++;
      if (size === 1) this.#tell(this.#hooks.first, name);
    }
    return result ?? Promise.resolve({ joined: true });
  }

  #checkOpen(): void {
    if (this.closed) {
      throw new Error("Expected topics that are open, got closed ones: close the servers first");
    }
  }

  /** Calls the listeners, each with bytes of its own. */
  #call(topic: Topic, message: PreparedMessage, tally: Tally): void {
    const { listeners, name } = topic;
    if (listeners.length === 0) return;
    const [payload, opcode] = contentOf(message);
    const text = opcode === Opcode.text ? decodeUtf8(payload, 0, payload.length) : undefined;
    for (const listener of listeners) {
      if (!topic.hears(listener)) continue;
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

  /** A topic has one subscriber less. */
  #left({ name, size }: Topic): void {
    this.subscriptions--;
    if (size > 0) return;
    this.topics.delete(name);
    this.peers?.leave(name);
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

/** What `ws.id` looks like. */
const ID = /^[0-9a-f]{16}-\d{1,16}$/;

function checkId(id: unknown): void {
  if (typeof id === "string" && ID.test(id)) return;
  throw new TypeError(`Expected the id of a connection, as ws.id has it, got ${describe(id)}`);
}

/** Checks the name of a topic. */
export function checkTopic(name: unknown): void {
  checkName("the name of a topic", name);
}
