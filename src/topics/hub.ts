// The topics of one process, and who has subscribed to them. Those of other processes are reached
// through `peers`, which comes only with a backplane.
//
// 1. A topic exists while it has a subscriber. Publishing to any other makes nothing.
// 2. User code runs at three places: listeners, the hooks for the first and the last subscriber,
//    and what a connection that is written to may call. Each of them may subscribe, unsubscribe
//    and publish (topic.ts, rule 2), and what it throws is reported and stops nothing.

import type { WebSocketConnection } from "../connection/connection.ts";
import type { Dispatcher } from "../connection/dispatcher.ts";
import type {
  Publishable,
  PublishOptions,
  PublishResult,
  SendResult,
  SubscribeOptions,
  SubscribeResult,
  TopicHub,
  TopicPosition,
} from "../connection/publishing.ts";
import { PreparedMessage } from "../protocol/prepared_message.ts";
import { checkSendOptions, isPrepared, type SendOptions } from "../protocol/sendable.ts";
import {
  checkOptions,
  describe,
  flag,
  group,
  type OptionTable,
  text,
  unjudged,
} from "../util/check_options.ts";
import { handled, tell } from "../util/promises.ts";
import { deliver, deliverLatest, type Tally } from "./deliver.ts";
import type { Histories } from "./history.ts";
import type { TopicPresence } from "./presence.ts";
import type { Presences } from "./presence_hub.ts";
import { PRESENCE_OPTIONS } from "./presence_options.ts";
import { messageOf, needPresence, type PlainDelivery, withoutHistory } from "./published.ts";
import { Member, Topic, type TopicListener } from "./topic.ts";
import { checkName } from "./topic_name.ts";

/** What each option of `publish()` may be. */
export const PUBLISH_OPTIONS: OptionTable<PublishOptions> = {
  compress: flag,
  binary: flag,
  droppable: flag,
  coalesce: text,
};

/** What each option of `subscribe()` may be; a history judges `since`. */
export const SUBSCRIBE_OPTIONS: OptionTable<SubscribeOptions> = {
  since: unjudged("a position, or { last } for the latest messages"),
  presence: group(PRESENCE_OPTIONS),
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
export interface Delivery extends Omit<PlainDelivery, "message"> {
  /** What connections get; undefined when they get nothing. */
  readonly message: PreparedMessage | undefined;
  /** What listeners get, if that is something else. */
  readonly original?: PreparedMessage;
  /** The place of the message in the history of the topic, if there is one. */
  readonly position?: TopicPosition;
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
  publish(topic: string, delivery: PlainDelivery, except: Dispatcher | undefined): void;
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
  /** What was published before, if some topics have a history. */
  history: Histories | undefined;
  /** Who is present; the name of a backplane that does not keep it. */
  presence: Presences | string = "the topics of a server alone";
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
  join(
    dispatcher: Dispatcher,
    name: string,
    options: SubscribeOptions | undefined,
  ): Promise<SubscribeResult> {
    checkTopic(name);
    this.#checkOpen();
    if (options !== undefined) checkOptions("subscribe()", options, SUBSCRIBE_OPTIONS);
    const history = options?.since === undefined ? undefined : this.historyOf(name);
    const since = history?.check(name, options!.since);
    const presences = options?.presence && needPresence("the option presence", this.presence);
    const presence = presences?.check(options!.presence!);
    if (!dispatcher.endpoint.open) {
      return handled(Promise.reject(dispatcher.endpoint.whyNotOpen()));
    }
    const member = memberOf(dispatcher) ?? new Member(dispatcher, (topic) => this.#left(topic));
    dispatcher.subscriptions = member;
    const topic = this.#topic(name);
    const added = member.find(topic) < 0;
    if (!added && since !== undefined) throw subscribed(name);
    if (added) member.add(topic);
    // Before the hook, which may end the subscription.
    if (presence !== undefined) presences!.enter(member, name, presence);
    const joining = this.#join(topic, added);
    return since === undefined ? joining : history!.recover(topic, member, joining, since);
  }

  /**
   * What finds the history of a topic.
   *
   * @throws {TypeError} When no topic has one.
   */
  historyOf(name: string): Histories {
    if (this.history === undefined) throw withoutHistory(name);
    return this.history;
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

  /** Who is present on a topic. */
  presenceOn(name: string): TopicPresence {
    checkTopic(name);
    this.#checkOpen();
    return needPresence("topics.presence()", this.presence).of(name);
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
    const kept = this.history?.publish?.(name, delivery, except);
    if (kept !== undefined) return kept;
    peers?.publish(name, delivery, except);
    if (peers?.defers(name)) return { delivered: 0, queued: 0, dropped: 0, deferred: true };
    return this.deliver(name, delivery, except);
  }

  /** Implements {@linkcode Inbound}. */
  deliver(name: string, delivery: Delivery, except: Dispatcher | undefined): PublishResult {
    const { droppable, position } = delivery;
    const topic = this.topics.get(name);
    const tally: Tally = { delivered: 0, queued: 0, overflowed: 0, droppable: 0, coalesced: 0 };
    if (topic !== undefined) {
      if (position !== undefined) topic.reach(position);
      const message = topic.members.length > 0 ? delivery.message : undefined;
      if (message !== undefined) {
        // The same key of another topic is another key.
        const key = delivery.key && `${name.length} ${name}${delivery.key}`;
        topic.forEach(except, (member) => {
          if (key === undefined) deliver(member, message, droppable, tally);
          else deliverLatest(member, message, key, droppable, tally);
        });
      }
      this.#call(topic, delivery, tally);
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
  #call(topic: Topic, { message, original = message, position }: Delivery, tally: Tally): void {
    const { listeners, name } = topic;
    if (listeners.length === 0 || original === undefined) return;
    const content = messageOf(original);
    for (const listener of listeners) {
      if (!topic.hears(listener)) continue;
      tally.delivered++;
      const data = typeof content === "string" ? content : content.slice();
      tell((data) => listener(data, position, name), data, this.#hooks.report);
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

function subscribed(name: string): Error {
  return new Error(
    `Expected a connection without a subscription to ${
      JSON.stringify(name)
    } for the option since, got one that has it: unsubscribe() first`,
  );
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
