// Which channels this process has joined, and which it wants.
//
// 1. A channel has one operation under way at a time, and the next one follows from what is wanted
//    by then: so joining and leaving never overtake each other.
// 2. Leaving lingers 2 s: rooms that empty and fill again cost the broker nothing.
// 3. What is wanted within one turn goes to the driver as one list.
// 4. `join()` answers within 5 s: false where the broker is away, refuses or takes longer. The
//    channel stays wanted, and is joined again after an outage, or 1 s after a refusal.

import type { Clock, Deadline } from "../util/clock.ts";
import { RESOLVED } from "../util/promises.ts";
import type { Backplane } from "./backplane.ts";
import type { Heard, Publishers } from "./heard.ts";
import type { TopicLog } from "./topic_log.ts";

/** Milliseconds for which a channel stays joined though it is not wanted. */
const LINGER = 2_000;
/** Milliseconds after which `join()` answers. */
const PATIENCE = 5_000;
/** Milliseconds after which a refused operation is tried again. */
const RETRY = 1_000;

/** A channel that is wanted, or was a moment ago. */
export class Channel {
  /** Its name. */
  readonly name: string;
  /** The topic; undefined for the inbox of this process. */
  readonly topic: string | undefined;
  /** The other processes that publish there. */
  readonly publishers: Publishers = new Map();
  /** Whether messages are wanted. */
  wanted = true;
  /** Where it stands with the broker. */
  state: "out" | "joining" | "in" | "leaving" = "out";
  /** Until when it lingers, though it is not wanted; undefined when it does not. */
  until: number | undefined;
  /** Those that wait for it to be joined. */
  readonly waiters: Set<Waiter> = new Set();
  /** What has come of a topic with history. */
  readonly log: TopicLog | undefined;

  /** A channel that is wanted. */
  constructor(name: string, topic: string | undefined, log: TopicLog | undefined) {
    this.name = name;
    this.topic = topic;
    this.log = log;
  }

  /** Tells those that wait. */
  settle(joined: boolean): void {
    for (const waiter of this.waiters) waiter.settle(joined);
  }
}

/** A `join()` that waits. */
class Waiter implements Deadline {
  readonly waits = "a subscription at the broker";
  readonly promise: Promise<boolean>;
  readonly #clock: Clock;
  /** All that wait for the same. */
  readonly #others: Set<Waiter>;
  #resolve!: (joined: boolean) => void;

  constructor(clock: Clock, others: Set<Waiter>) {
    this.#clock = clock;
    this.#others = others.add(this);
    this.promise = new Promise((resolve) => this.#resolve = resolve);
    clock.startDeadline(this, PATIENCE);
  }

  settle(joined: boolean): void {
    this.#clock.stopDeadline(this, PATIENCE);
    this.#others.delete(this);
    this.#resolve(joined);
  }

  late(): void {
    this.#others.delete(this);
    this.#resolve(false);
  }
}

const JOINED = Promise.resolve(true);
const AWAY = Promise.resolve(false);

/** The channels of one driver. */
export class Membership {
  /** By name. */
  readonly channels: Map<string, Channel> = new Map();
  readonly #driver: Pick<Backplane, "join" | "leave">;
  readonly #clock: Clock;
  readonly #heard: Heard;
  readonly #refused: (error: unknown) => void;
  #state: "starting" | "up" | "down" = "starting";
  /** Counts outages: what was begun before one has no effect after it. */
  #outages = 0;
  /** Whether a list is made at the end of the turn. */
  #gathering = false;
  readonly #changed = new Set<Channel>();
  /** Those that linger, and when to look at each: the earliest first. */
  #lingering: [channel: Channel, due: number][] = [];
  #lingerTimer: unknown;
  #retryTimer: unknown;

  /**
   * No channels.
   *
   * @param driver The driver.
   * @param clock Tells the time.
   * @param heard Forgets the publishers of channels that are left.
   * @param refused Called with what the driver rejects with while it is up.
   */
  constructor(
    driver: Pick<Backplane, "join" | "leave">,
    clock: Clock,
    heard: Heard,
    refused: (error: unknown) => void,
  ) {
    this.#driver = driver;
    this.#clock = clock;
    this.#heard = heard;
    this.#refused = refused;
  }

  /**
   * Wants a channel.
   *
   * @param name Its name.
   * @param topic Its topic, if it has one.
   * @param openLog Makes the log of a topic with history.
   * @returns Resolves with whether it is joined.
   */
  join(name: string, topic: string | undefined, openLog?: () => TopicLog): Promise<boolean> {
    let channel = this.channels.get(name);
    if (channel === undefined) {
      channel = new Channel(name, topic, openLog?.());
      this.channels.set(name, channel);
    }
    channel.wanted = true;
    if (channel.state === "in") return JOINED;
    if (this.#state === "down") return AWAY;
    this.#change(channel);
    return new Waiter(this.#clock, channel.waiters).promise;
  }

  /** Does not want a channel any more. */
  leave(name: string): void {
    const channel = this.channels.get(name);
    if (channel === undefined) return;
    channel.wanted = false;
    channel.settle(false);
    const lingers = channel.until !== undefined;
    channel.until = this.#clock.now() + LINGER;
    if (!lingers) this.#linger(channel);
  }

  /** The driver is up: joins everything. */
  up(): void {
    this.#state = "up";
    for (const channel of this.channels.values()) this.#change(channel);
  }

  /** It is down: nothing is joined any more. */
  down(): void {
    this.#state = "down";
    this.#outages++;
    this.#clock.clearTimer(this.#retryTimer);
    this.#retryTimer = undefined;
    for (const channel of this.channels.values()) {
      channel.state = "out";
      channel.log?.lost();
      channel.settle(false);
      // Such as one that was being left.
      if (!channel.wanted && channel.until === undefined) this.#drop(channel);
    }
  }

  /** Ends all of it. */
  close(): void {
    this.down();
    this.#clock.clearTimer(this.#lingerTimer);
    this.#lingering = [];
    this.channels.clear();
  }

  /** Looks at a channel at the end of the turn. */
  #change(channel: Channel): void {
    this.#changed.add(channel);
    if (this.#gathering) return;
    this.#gathering = true;
    void RESOLVED.then(() => this.#gather());
  }

  #gather(): void {
    this.#gathering = false;
    const joining: Channel[] = [];
    const leaving: Channel[] = [];
    for (const channel of this.#changed) {
      if (this.#state !== "up") break;
      if (channel.wanted && channel.state === "out") joining.push(channel);
      if (!channel.wanted && channel.until === undefined && channel.state === "in") {
        leaving.push(channel);
      }
    }
    this.#changed.clear();
    this.#run("join", joining);
    this.#run("leave", leaving);
  }

  #run(what: "join" | "leave", channels: readonly Channel[]): void {
    if (channels.length === 0) return;
    const outages = this.#outages;
    for (const channel of channels) channel.state = what === "join" ? "joining" : "leaving";
    const names = channels.map(({ name }) => name);
    const ended = (error?: unknown): void => {
      if (outages !== this.#outages) return;
      for (const channel of channels) this.#ended(channel, what, error === undefined);
      if (error === undefined) return;
      this.#refused(error);
      this.#retryTimer ??= this.#clock.setTimer(() => this.#retry(), RETRY, "a refused channel");
    };
    const failed = (error: unknown): void => ended(error ?? new Error("The broker refused"));
    try {
      this.#driver[what](names).then(() => ended(), failed);
    } catch (error) {
      failed(error);
    }
  }

  /** An operation on a channel has ended. */
  #ended(channel: Channel, what: "join" | "leave", done: boolean): void {
    const joined = (what === "join") === done;
    channel.state = joined ? "in" : "out";
    if (what === "leave" && done) this.#heard.forget(channel.publishers);
    if (what === "join" && done) channel.log?.joined();
    if (what === "join") channel.settle(joined);
    // What is refused is tried again later.
    if (done) this.#settle(channel);
  }

  /** What follows from what is wanted now. */
  #settle(channel: Channel): void {
    const { wanted, until, state } = channel;
    if (!wanted && until === undefined && state === "out") this.#drop(channel);
    else if (wanted !== (state === "in")) this.#change(channel);
  }

  #retry(): void {
    this.#retryTimer = undefined;
    for (const channel of this.channels.values()) this.#settle(channel);
  }

  #drop(channel: Channel): void {
    channel.log?.lost();
    this.#heard.forget(channel.publishers);
    this.channels.delete(channel.name);
  }

  #linger(channel: Channel): void {
    this.#lingering.push([channel, channel.until!]);
    this.#schedule();
  }

  #schedule(): void {
    const due = this.#lingering[0]?.[1];
    if (due === undefined || this.#lingerTimer !== undefined) return;
    const delay = Math.max(1, due - this.#clock.now());
    this.#lingerTimer = this.#clock.setTimer(() => this.#look(), delay, "leaving a topic");
  }

  #look(): void {
    this.#lingerTimer = undefined;
    const now = this.#clock.now();
    const count = this.#lingering.findIndex(([, due]) => due > now);
    const due = this.#lingering.splice(0, count < 0 ? this.#lingering.length : count);
    for (const [channel] of due) {
      if (channel.wanted || channel.until! <= now) {
        channel.until = undefined;
        if (!channel.wanted) this.#settle(channel);
      } else {
        this.#linger(channel);
      }
    }
    this.#schedule();
  }
}
