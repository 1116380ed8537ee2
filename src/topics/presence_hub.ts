// Presence on all topics of one process: puts together its members, their way to the store, and the
// topics that are watched.

import type { PresenceOptions } from "../connection/publishing.ts";
import type { Clock } from "../util/clock.ts";
import { defer } from "../util/promises.ts";
import type { PresenceEvent, TopicPresence } from "./presence.ts";
import { askAlive, readMembers, StoreCalls } from "./store_calls.ts";
import { PresenceIteration } from "./presence_iteration.ts";
import { PresenceLease } from "./presence_lease.ts";
import { type CheckedPresence, checkPresence } from "./presence_options.ts";
import type { PresencePeers } from "./presence_peers.ts";
import { PresenceRegistry, type PresenceRoom, type Present } from "./presence_registry.ts";
import { PresenceView } from "./presence_view.ts";
import { fill, membersOf, PresenceWatch } from "./presence_watch.ts";
import { PresenceWrites } from "./presence_writes.ts";

/** Milliseconds between two looks at the leases of other processes. */
const PERIOD = 10_000;

/** The members that one connection has put on topics. */
export interface Attendance {
  /** The connection leaves a topic. */
  left(topic: string): void;
}

/** A connection that may be present. */
export interface Attendee {
  /** What it has put on topics, if it has. */
  attendance: Attendance | undefined;
}

/** The keys of one connection, by topic. */
class Keys implements Attendance {
  readonly byTopic = new Map<string, string>();
  readonly #registry: PresenceRegistry;

  constructor(registry: PresenceRegistry) {
    this.#registry = registry;
  }

  left(topic: string): void {
    const key = this.byTopic.get(topic);
    if (key === undefined) return;
    this.byTopic.delete(topic);
    this.#registry.leave(this, topic, key);
  }
}

/** Presence of one process. */
export class Presences {
  readonly #clock: Clock;
  readonly #peers: PresencePeers | undefined;
  readonly #calls: StoreCalls;
  readonly #registry: PresenceRegistry;
  readonly #lease: PresenceLease | undefined;
  readonly #writes: PresenceWrites | undefined;
  readonly #watches = new Map<string, PresenceWatch>();
  #state: "starting" | "up" | "down" | "closed";
  /** Settles once it is known whether the broker is there. */
  readonly #started = defer<void>();
  #ticker: unknown;
  /** The processes of which something has come since the leases were asked for. */
  #heard: Set<string> | undefined;

  /** No members; without `peers`, in this process only. */
  constructor(clock: Clock, peers?: PresencePeers) {
    const calls = new StoreCalls(clock, "presence");
    const registry = new PresenceRegistry({
      clock,
      stampOf: (topic, key) => this.#watches.get(topic)?.view.stampOf(key) ?? 0,
      changed: (room, present) => this.#changed(room, present),
    });
    this.#clock = clock;
    this.#peers = peers;
    this.#calls = calls;
    this.#registry = registry;
    this.#state = peers === undefined ? "up" : "starting";
    if (peers === undefined) return;
    const writes = new PresenceWrites({ peers, clock, calls, registry });
    this.#writes = writes;
    this.#lease = new PresenceLease({
      ...{ peers, clock, calls },
      needed: () => registry.rooms.size > 0,
      taken: () => writes.start(),
      lost: () => writes.stop(),
    });
  }

  /** Checks the option `presence`. */
  check(options: PresenceOptions): CheckedPresence {
    return checkPresence(options);
  }

  /** Puts a member on a topic, with what `check()` has returned. */
  enter(attendee: Attendee, topic: string, { key, info }: CheckedPresence): void {
    const keys = (attendee.attendance ??= new Keys(this.#registry)) as Keys;
    if (keys.byTopic.get(topic) !== key) keys.left(topic);
    keys.byTopic.set(topic, key);
    this.#registry.enter(keys, topic, key, info);
  }

  /** Who is present on a topic. */
  of(topic: string): TopicPresence {
    const current = (): Promise<PresenceView> => this.#current(topic);
    return {
      list: async () => membersOf(await current()),
      count: async () => (await current()).size,
      [Symbol.asyncIterator]: () => this.#iterate(topic),
    };
  }

  /** The broker is there. */
  up(): void {
    this.#state = "up";
    this.#lease?.up();
    for (const watch of this.#watches.values()) watch.up();
    this.#started.resolve();
  }

  /** It is away. */
  down(): void {
    if (this.#state === "closed") return;
    this.#state = "down";
    this.#lease?.down();
    for (const watch of this.#watches.values()) watch.down();
    this.#started.resolve();
  }

  /**
   * Ends all iterations and waits. The members leave in 15 s, unless other processes have them.
   *
   * @returns Resolves once the store knows that.
   */
  async close(): Promise<void> {
    this.#registry.close();
    for (const watch of [...this.#watches.values()]) watch.close();
    this.#state = "closed";
    this.#started.resolve();
    await this.#lease?.close();
  }

  /** Ends the calls that are under way. */
  end(): void {
    this.#calls.close();
  }

  #changed(room: PresenceRoom, { key, value, written }: Present): void {
    const { topic, members } = room;
    const now = members.has(key) ? value : undefined;
    const lease = this.#peers?.lease ?? "";
    this.#watches.get(topic)?.view.apply({ lease, changes: new Map([[key, now]]) });
    if (now === undefined && !written) return;
    this.#writes?.mark(room, key);
    this.#lease?.want();
  }

  #iterate(topic: string): AsyncIterableIterator<PresenceEvent> {
    return new PresenceIteration({
      begin: (iteration) => this.#watch(topic).begin(iteration),
      end: (iteration) => this.#watches.get(topic)?.end(iteration),
      snapshot: () => this.#watches.get(topic)?.snapshot(),
    });
  }

  #watch(topic: string): PresenceWatch {
    let watch = this.#watches.get(topic);
    if (watch !== undefined) return watch;
    watch = new PresenceWatch({
      topic,
      clock: this.#clock,
      calls: this.#calls,
      peers: this.#peers,
      own: () => this.#registry.rooms.get(topic),
      heard: (lease) => void this.#heard?.add(lease),
      ended: () => this.#unwatch(topic),
    });
    this.#watches.set(topic, watch);
    if (this.#peers === undefined) return watch;
    if (this.#state === "up") watch.up();
    this.#ticker ??= this.#clock.setTicker(() => this.#look(), PERIOD, "a look at who is present");
    return watch;
  }

  #unwatch(topic: string): void {
    this.#watches.delete(topic);
    if (this.#watches.size > 0) return;
    this.#clock.clearTimer(this.#ticker);
    this.#ticker = undefined;
  }

  /** Asks whether the processes whose members are seen have ended: one call for all topics. */
  #look(): void {
    const peers = this.#peers!;
    if (this.#state !== "up" || this.#heard !== undefined) return;
    const seen = new Set<string>();
    for (const { view } of this.#watches.values()) {
      for (const lease of view.leases.keys()) if (lease !== peers.lease) seen.add(lease);
    }
    if (seen.size === 0) return;
    const leases = [...seen];
    const heard = this.#heard = new Set();
    askAlive(this.#calls, peers, leases).then((alive) => {
      this.#heard = undefined;
      // A process that was frozen may have come back since it was asked for.
      const ended = leases.filter((lease, i) => alive[i] === false && !heard.has(lease));
      for (const watch of this.#watches.values()) ended.forEach((lease) => watch.drop(lease));
    }, (error) => {
      this.#heard = undefined;
      if (this.#state === "up") peers.refused(error);
    });
  }

  /** The members now. */
  async #current(topic: string): Promise<PresenceView> {
    const watch = this.#watches.get(topic);
    if (watch?.current) return watch.view;
    const peers = this.#peers;
    if (this.#state === "starting") await this.#started.promise;
    if (this.#state === "closed") throw new Error("The topics were closed");
    if (this.#state === "down") {
      throw new Error(
        "The broker is away, so it is not known who is present: see onState for when it is back",
      );
    }
    const entries = peers === undefined ? [] : await readMembers(this.#calls, peers, topic);
    return fill(new PresenceView(() => {}), peers, entries, this.#registry.rooms.get(topic));
  }
}
