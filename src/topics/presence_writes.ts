// Brings the members of this process to the store, and tells the processes that watch.
//
// 1. What changes on a topic in one turn is one write, and there is one write of a topic under way
//    at a time: so they never overtake each other. A topic rests 50 ms after each, so that a crowd
//    that comes or goes makes at most 20 in a second.
// 2. What is to be written is a set of keys; what each has is looked up when it is written. A write
//    that has failed leaves its keys in the set, and is tried again after 1 s.
// 3. A change is announced once the store has it: who reads after the announcement finds it.

import type { Clock } from "../util/clock.ts";
import { RESOLVED } from "../util/promises.ts";
import type { StoreCalls } from "./store_calls.ts";
import { formatChanges, formatValue } from "./presence_message.ts";
import type { PresencePeers } from "./presence_peers.ts";
import type { PresenceRegistry, PresenceRoom } from "./presence_registry.ts";

/** Milliseconds between two writes of a topic. */
const REST = 50;
/** Milliseconds after which a write that has failed is tried again. */
const RETRY = 1_000;
/** The most characters of keys and infos in a write. */
const MOST_WRITTEN = 1_048_576;
/** The most characters in an announcement, which has to fit into a message. */
const MOST_ANNOUNCED = 65_536;

type Changes = Map<string, string | undefined>;

/** What writes need. */
export interface PresenceWritesOptions {
  /** The way to the store. */
  readonly peers: PresencePeers;
  /** Tells the time. */
  readonly clock: Clock;
  /** Calls the store. */
  readonly calls: StoreCalls;
  /** The members. */
  readonly registry: PresenceRegistry;
}

/** The writes of one process. */
export class PresenceWrites {
  readonly #options: PresenceWritesOptions;
  #held = false;
  /** Counts losses of the lease: what was begun before one has no effect after it. */
  #losses = 0;
  readonly #timers = new Map<PresenceRoom, unknown>();

  /** Nothing to write. */
  constructor(options: PresenceWritesOptions) {
    this.#options = options;
  }

  /** A member of a topic has changed. */
  mark(room: PresenceRoom, key: string): void {
    room.dirty.add(key);
    this.#schedule(room);
  }

  /** The lease was taken: writes everything. */
  start(): void {
    this.#held = true;
    for (const room of this.#options.registry.rooms.values()) {
      for (const key of room.members.keys()) room.dirty.add(key);
      this.#schedule(room);
    }
  }

  /** Nothing may be written until `start()`. */
  stop(): void {
    this.#held = false;
    this.#losses++;
    for (const timer of this.#timers.values()) this.#options.clock.clearTimer(timer);
    this.#timers.clear();
    for (const room of this.#options.registry.rooms.values()) {
      for (const key of room.writing ?? []) room.dirty.add(key);
      room.writing = undefined;
      room.scheduled = false;
      room.rests = 0;
    }
  }

  #schedule(room: PresenceRoom): void {
    const { writing, scheduled, dirty, rests } = room;
    if (!this.#held || scheduled || writing !== undefined || dirty.size === 0) return;
    room.scheduled = true;
    const losses = this.#losses;
    const begin = (): void => {
      if (losses !== this.#losses) return;
      this.#timers.delete(room);
      room.scheduled = false;
      this.#write(room);
    };
    const { clock } = this.#options;
    const delay = rests - clock.now();
    if (delay <= 0) void RESOLVED.then(begin);
    else this.#timers.set(room, clock.setTimer(begin, delay, "a write of presence"));
  }

  #write(room: PresenceRoom): void {
    const { peers, clock, calls, registry } = this.#options;
    const losses = this.#losses;
    const changes = gather(room);
    // All of it may have been taken back.
    if (changes.size === 0) return registry.forget(room);
    room.writing = new Set(changes.keys());
    const { store, lease } = peers;
    const channel = peers.channelOf(room.topic);
    const ended = (rest: number): void => {
      room.writing = undefined;
      room.rests = clock.now() + rest;
      this.#schedule(room);
      registry.forget(room);
    };
    calls.run(() => store.write(channel, lease, changes)).then(() => {
      if (losses !== this.#losses) return;
      for (const piece of pieces(changes)) {
        peers.announce(room.topic, formatChanges(lease, piece));
      }
      ended(REST);
    }, (error) => {
      if (losses !== this.#losses) return;
      for (const key of changes.keys()) room.dirty.add(key);
      peers.refused(error);
      ended(RETRY);
    });
  }
}

/** Takes what is to be written, up to the bound. */
function gather({ dirty, members }: PresenceRoom): Changes {
  const changes: Changes = new Map();
  let characters = 0;
  for (const key of dirty) {
    const present = members.get(key);
    const text = present && formatValue(present.value);
    characters += sizeOf(key, text);
    if (characters > MOST_WRITTEN && changes.size > 0) break;
    dirty.delete(key);
    changes.set(key, text);
    if (present !== undefined) present.written = true;
  }
  return changes;
}

/** Cuts changes into what a message can carry. */
function* pieces(changes: Changes): Generator<Changes> {
  let piece: Changes = new Map();
  let characters = 0;
  for (const [key, text] of changes) {
    characters += sizeOf(key, text);
    if (characters > MOST_ANNOUNCED && piece.size > 0) {
      yield piece;
      piece = new Map();
      characters = sizeOf(key, text);
    }
    piece.set(key, text);
  }
  if (piece.size > 0) yield piece;
}

function sizeOf(key: string, text: string | undefined): number {
  return key.length + (text?.length ?? 0);
}
