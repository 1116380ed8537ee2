// A topic and its subscribers in this process.
//
// 1. A subscription is four numbers in four arrays, and no object: the member in the topic's list,
//    the topic in the member's, and in each the place in the other. So a subscription ends in the
//    same time however many there are: the last one of each list takes its place.
//    It takes 70 octets of 10,000 connections with 10 topics in common, and 110 where there are
//    10,000 topics (Node, Bun), the objects of both included.
// 2. A list that is being published to is not changed but copied, once for each such publication:
//    user code may run meanwhile, and end subscriptions. Those that ended are then skipped.

import type { Message } from "../connection/message.ts";
import type { WaitingMessage } from "../connection/backlog.ts";
import type { Dispatcher } from "../connection/dispatcher.ts";
import type { Subscriptions, TopicPosition } from "../connection/publishing.ts";
import type { Attendance } from "./presence_hub.ts";

/**
 * A function that is called with what is published.
 *
 * @param data The message: a string, or bytes in memory of its own.
 * @param position The place of the message in the history of the topic; undefined when the topic
 * has none.
 * @param topic The name of the topic.
 */
export type TopicListener = (
  data: Message,
  position: TopicPosition | undefined,
  topic: string,
) => void | Promise<void>;

/** From so many topics of one connection on, they are found by a map instead of a search. */
const MANY = 32;

/** A connection gets nothing that is published, because it still gets the history. */
export interface Hold {
  /** Up to where it has got the history, if that is known: then it is let go behind this. */
  until: TopicPosition | undefined;
}

/** A topic that has subscribers. */
export class Topic {
  /** Its name. */
  readonly name: string;
  /** The connections. */
  members: Member[] = [];
  /** For each member, where the topic stands in its list. */
  #slots: number[] = [];
  /** The functions, if there are some. */
  #listeners: Set<TopicListener> | undefined;
  /** The same as a list, made by the first publication after a change. */
  #list: readonly TopicListener[] | undefined;
  /** How many publications go through the list of members. */
  #readers = 0;
  /** Members that are held. */
  #held: Map<Member, Hold> | undefined;

  /** A topic without subscribers. */
  constructor(name: string) {
    this.name = name;
  }

  /** How many subscribers it has. */
  get size(): number {
    return this.members.length + (this.#listeners?.size ?? 0);
  }

  /** The functions: a list that is replaced, not changed. */
  get listeners(): readonly TopicListener[] {
    return this.#list ??= [...this.#listeners ?? []];
  }

  /** Whether a function has subscribed. */
  hears(listener: TopicListener): boolean {
    return this.#listeners?.has(listener) ?? false;
  }

  /** Subscribes a function, unless it has. */
  listen(listener: TopicListener): boolean {
    if (this.hears(listener)) return false;
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
    this.#list = undefined;
    return true;
  }

  /** Ends that; false when there was nothing to end. */
  unlisten(listener: TopicListener): boolean {
    if (!this.#listeners?.delete(listener)) return false;
    this.#list = undefined;
    return true;
  }

  /** Adds a member, in whose list the topic stands at `slot`. Returns its place. */
  add(member: Member, slot: number): number {
    this.#slots.push(slot);
    return this.members.push(member) - 1;
  }

  /** Removes the member at a place. */
  remove(place: number): void {
    if (this.#readers > 0) {
      this.members = this.members.slice();
      this.#readers = 0;
    }
    const { members } = this;
    this.#held?.delete(members[place]!);
    const member = members.pop()!;
    const slot = this.#slots.pop()!;
    if (place === members.length) return;
    members[place] = member;
    this.#slots[place] = slot;
    member.moved(slot, place);
  }

  /** The topic has moved in the list of the member at a place. */
  moved(place: number, slot: number): void {
    this.#slots[place] = slot;
  }

  /** Holds a member. */
  hold(member: Member): Hold {
    const hold = { until: undefined };
    this.#held ??= new Map();
    this.#held.set(member, hold);
    return hold;
  }

  /** Whether a member is still held, and by the same call. */
  holds(member: Member, hold: Hold): boolean {
    return this.#held?.get(member) === hold;
  }

  /** Lets a member go. */
  release(member: Member): void {
    this.#held?.delete(member);
    if (this.#held?.size === 0) this.#held = undefined;
  }

  /** A message at a position is about to be delivered: lets those go that have not got it. */
  reach({ epoch, offset }: TopicPosition): void {
    if (this.#held === undefined) return;
    for (const [member, { until }] of this.#held) {
      if (until === undefined) continue;
      if (until.epoch !== epoch || until.offset < offset) this.release(member);
    }
  }

  /** Calls `visit` with each member that is subscribed when its turn comes, except one. */
  forEach(except: Dispatcher | undefined, visit: (member: Member) => void): void {
    const { members } = this;
    const held = this.#held;
    const { length } = members;
    this.#readers++;
    try {
      for (let i = 0; i < length; i++) {
        const member = members[i]!;
        if (member.dispatcher === except || held?.has(member)) continue;
        if (this.members !== members && member.find(this) < 0) continue;
        visit(member);
      }
    } finally {
      if (this.members === members) this.#readers--;
    }
  }
}

/** A connection that has subscribed to topics. */
export class Member implements Subscriptions {
  /** The connection. */
  readonly dispatcher: Dispatcher;
  /** Published messages that wait for it and can be replaced, by topic and key. */
  replaceable: Map<string, WaitingMessage> | undefined;
  /** Who it is on the topics where it is present. */
  attendance: Attendance | undefined;
  /** Called with each topic whose last subscriber has left. */
  readonly #left: (topic: Topic) => void;
  readonly #topics: Topic[] = [];
  /** For each topic, where the member stands in its list. */
  readonly #places: number[] = [];
  /** Where each topic stands, when there are many. */
  #index: Map<Topic, number> | undefined;

  /** A connection without subscriptions. */
  constructor(dispatcher: Dispatcher, left: (topic: Topic) => void) {
    this.dispatcher = dispatcher;
    this.#left = left;
  }

  /** How many topics it has subscribed to. */
  get count(): number {
    return this.#topics.length;
  }

  /** Where a topic stands in its list; -1 when it has not subscribed. */
  find(topic: Topic): number {
    if (this.#index !== undefined) return this.#index.get(topic) ?? -1;
    return this.#topics.indexOf(topic);
  }

  /** Subscribes. */
  add(topic: Topic): void {
    const slot = this.#topics.length;
    this.#topics.push(topic);
    this.#places.push(topic.add(this, slot));
    if (this.#index !== undefined) this.#index.set(topic, slot);
    else if (slot >= MANY) this.#index = new Map(this.#topics.map((one, slot) => [one, slot]));
  }

  /** Ends the subscription that stands at `slot`. */
  remove(slot: number): void {
    const topics = this.#topics;
    const places = this.#places;
    const topic = topics[slot]!;
    topic.remove(places[slot]!);
    this.#index?.delete(topic);
    const last = topics.pop()!;
    const place = places.pop()!;
    if (slot < topics.length) {
      topics[slot] = last;
      places[slot] = place;
      last.moved(place, slot);
      this.#index?.set(last, slot);
    }
    this.attendance?.left(topic.name);
    this.#left(topic);
  }

  /** The member has moved in the list of the topic at a slot. */
  moved(slot: number, place: number): void {
    this.#places[slot] = place;
  }

  /** The names of the topics. */
  get names(): readonly string[] {
    return this.#topics.map(({ name }) => name);
  }

  /** Implements {@linkcode Subscriptions}. */
  end(): void {
    while (this.#topics.length > 0) this.remove(this.#topics.length - 1);
  }
}
