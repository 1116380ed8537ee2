// The members that the connections of this process have put on topics.
//
// 1. A member stays for 15 s after its last connection has left: a client that comes back, here or
//    at another process, is no news.
// 2. Of several connections of a member, what the latest one has said of it counts.

import type { Clock } from "../util/clock.ts";
import type { PresenceValue } from "./presence_message.ts";

/** Milliseconds for which a member stays without a connection. */
export const LINGER = 15_000;

/** A member of a topic. */
export interface Present {
  readonly key: string;
  /** Its connections, the latest last, with the info of each as JSON. */
  readonly connections: Map<object, string>;
  /** What is known of it. */
  value: PresenceValue;
  /** Until when it stays without a connection. */
  until: number | undefined;
  /** Whether the store may have it. */
  written: boolean;
}

/** The members of this process on one topic, and what the store does not know of them. */
export class PresenceRoom {
  /** The topic. */
  readonly topic: string;
  /** By key. */
  readonly members: Map<string, Present> = new Map();
  /** The keys that are to be written. */
  readonly dirty: Set<string> = new Set();
  /** The keys that are being written. */
  writing: ReadonlySet<string> | undefined;
  /** Whether it is going to be written. */
  scheduled = false;
  /** When it may be written again. */
  rests = 0;

  /** A room without members. */
  constructor(topic: string) {
    this.topic = topic;
  }

  /** Whether there is nothing to know of it. */
  get empty(): boolean {
    return this.members.size === 0 && this.dirty.size === 0 && this.writing === undefined;
  }

  /** Whether the store may have a key, or will. */
  mayHave(key: string): boolean {
    return this.dirty.has(key) || (this.writing?.has(key) ?? false);
  }
}

/** What a registry needs. */
export interface PresenceRegistryOptions {
  /** Tells the time. */
  readonly clock: Clock;
  /** The latest stamp that is known of a member in other processes. */
  readonly stampOf: (topic: string, key: string) => number;
  /** Called when this process has a member anew, knows something else of it, or has it no more. */
  readonly changed: (room: PresenceRoom, present: Present) => void;
}

/** The members of this process. */
export class PresenceRegistry {
  /** By topic. */
  readonly rooms: Map<string, PresenceRoom> = new Map();
  readonly #options: PresenceRegistryOptions;
  /** Members without a connection, and when to look at each: the earliest first. */
  #lingering: [room: PresenceRoom, present: Present, due: number][] = [];
  #timer: unknown;

  /** No members. */
  constructor(options: PresenceRegistryOptions) {
    this.#options = options;
  }

  /** A connection puts a member on a topic, or says something else of it. */
  enter(connection: object, topic: string, key: string, info: string): void {
    let room = this.rooms.get(topic);
    if (room === undefined) this.rooms.set(topic, room = new PresenceRoom(topic));
    const present = room.members.get(key);
    if (present === undefined) {
      const value = this.#value(topic, key, info);
      const connections = new Map([[connection, info]]);
      const written = room.mayHave(key);
      const joined: Present = { key, connections, value, until: undefined, written };
      room.members.set(key, joined);
      return this.#options.changed(room, joined);
    }
    if (present.connections.get(connection) === info) return;
    present.connections.delete(connection);
    present.connections.set(connection, info);
    present.until = undefined;
    this.#update(room, present, info);
  }

  /** A connection leaves. */
  leave(connection: object, topic: string, key: string): void {
    const room = this.rooms.get(topic);
    const present = room?.members.get(key);
    if (room === undefined || !present?.connections.delete(connection)) return;
    if (present.connections.size === 0) {
      present.until = this.#options.clock.now() + LINGER;
      this.#lingering.push([room, present, present.until]);
      this.#schedule();
      return;
    }
    const info = [...present.connections.values()].at(-1)!;
    if (info !== present.value.info) this.#update(room, present, info);
  }

  /** Forgets a room that is empty. */
  forget(room: PresenceRoom): void {
    if (room.empty && this.rooms.get(room.topic) === room) this.rooms.delete(room.topic);
  }

  /** Ends the waits. */
  close(): void {
    this.#options.clock.clearTimer(this.#timer);
    this.#lingering = [];
  }

  #update(room: PresenceRoom, present: Present, info: string): void {
    present.value = this.#value(room.topic, present.key, info);
    this.#options.changed(room, present);
  }

  #value(topic: string, key: string, info: string): PresenceValue {
    const { clock, stampOf } = this.#options;
    // The clocks of processes may differ: what this process says now is the latest that it knows.
    const stamp = Math.max(Math.round(clock.origin + clock.now()), stampOf(topic, key) + 1);
    return { stamp, info };
  }

  #schedule(): void {
    const due = this.#lingering[0]?.[2];
    if (due === undefined || this.#timer !== undefined) return;
    const { clock } = this.#options;
    const delay = Math.max(1, due - clock.now());
    this.#timer = clock.setTimer(() => this.#look(), delay, "the end of presence");
  }

  #look(): void {
    this.#timer = undefined;
    const now = this.#options.clock.now();
    const count = this.#lingering.findIndex(([, , due]) => due > now);
    const due = this.#lingering.splice(0, count < 0 ? this.#lingering.length : count);
    for (const [room, present, when] of due) {
      const { key, until, written } = present;
      // It may have come back meanwhile, and have left again.
      if (until !== when || room.members.get(key) !== present) continue;
      room.members.delete(key);
      if (!written) room.dirty.delete(key);
      this.#options.changed(room, present);
      this.forget(room);
    }
    this.#schedule();
  }
}
