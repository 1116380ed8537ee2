// Joins the topics of this process with those of others, over a driver.
//
// 1. A message goes to the broker before it goes to the subscribers here, so that the order is the
//    same for both when one of them publishes in turn. Nothing waits for the broker, except with
//    `order: "broker"`: then the message is delivered when it comes back.
// 2. What comes in is delivered within the call of the driver. Nothing waits here, so there is
//    nothing to bound but what each connection holds.
// 3. The broker is up while the driver says so and something is heard, as probe.ts has it.

import { type Bytes, EMPTY } from "../util/bytes.ts";
import { type Clock, LONGEST_TIMER, systemClock } from "../util/clock.ts";
import { encodeUtf8 } from "../util/utf8.ts";
import { defer, handled, tell } from "../util/promises.ts";
import { Opcode } from "../protocol/frame_header.ts";
import type { PreparedMessage } from "../protocol/prepared_message.ts";
import { contentOf } from "../protocol/sendable.ts";
import type { Dispatcher } from "../connection/dispatcher.ts";
import { processId } from "../connection/id.ts";
import type {
  Backplane,
  BackplaneSink,
  Retention,
  StoredPosition,
  StoreReceipt,
} from "./backplane.ts";
import { BrokerHistory, writePosition } from "./broker_history.ts";
import { inboxChannel, leaseName, topicChannel } from "./channel_name.ts";
import { type Counter, Counters } from "./counters.ts";
import {
  createOrigin,
  decodeEnvelope,
  encodeEnvelope,
  type Envelope,
  formatOrigin,
  Kind,
  LONGEST_HEADER,
} from "./envelope.ts";
import { Excepted } from "./excepted.ts";
import { Heard } from "./heard.ts";
import type { PlainDelivery } from "./published.ts";
import type { Rule, RuleOf } from "./history_rules.ts";
import type { Inbound, Peers } from "./hub.ts";
import type { Relaying } from "./hub_topics.ts";
import { Incoming } from "./incoming.ts";
import { Membership } from "./membership.ts";
import { Outgoing } from "./outgoing.ts";
import { Presences } from "./presence_hub.ts";
import { PresenceRelay } from "./presence_relay.ts";
import { Probes } from "./probe.ts";
import type { RelayStats, TopicGap, TopicsState } from "./relay_stats.ts";

/** The most octets of a message where the driver says nothing. */
const MOST = 1_048_576;
/** Milliseconds until a broker that has not come yet counts as away. */
const START = 5_000;

/** What an envelope without a message has. */
const NOTHING = {
  text: false,
  droppable: false,
  compress: true,
  key: undefined,
  payload: EMPTY,
} as const;

/** What a relay needs. */
export interface RelayOptions {
  /** The driver. */
  readonly backplane: Backplane;
  /** What the names of channels begin with. */
  readonly prefix: string;
  /** Whether a topic has the broker's order. */
  readonly ordered: (topic: string) => boolean;
  /** Finds the rule of a topic with history; undefined when none has one. */
  readonly ruleOf: RuleOf | undefined;
  /** Whether to keep what is published while the broker is away. */
  readonly hold: boolean;
  /** Tells of a gap. */
  readonly gap: (gap: TopicGap) => void;
  /** Tells of a change of state. */
  readonly state: (state: TopicsState) => void;
  /** Reports what the driver throws, and what others send that cannot be read. */
  readonly report: (error: unknown) => void;
}

/** The way between a hub and a driver. */
export class Relay implements Peers, Relaying, BackplaneSink {
  /** The histories of topics, if some have one. */
  readonly history: BrokerHistory | undefined;
  /** Who is present, if the driver keeps it. */
  readonly presence: Presences | undefined;
  readonly #options: RelayOptions;
  readonly #driver: Backplane;
  readonly #clock: Clock;
  readonly #origin = createOrigin();
  readonly #inbox: string;
  readonly #heard = new Heard();
  readonly #counters: Counters;
  readonly #outgoing: Outgoing;
  readonly #membership: Membership;
  readonly #excepted: Excepted;
  readonly #incoming: Incoming;
  readonly #attendance: PresenceRelay | undefined;
  readonly #probes: Probes;
  /** What everything here goes by. */
  #state: "starting" | "up" | "down" | "closed" = "starting";
  /** What the driver says. */
  #connected = false;
  /** Whether a refusal was reported since the driver did something. */
  #reported = false;
  /** Ends the start. */
  #timer: unknown;
  /** Resolves when the broker has come, or counts as away. */
  readonly #started = defer<void>();
  /** Why the broker has not come yet. */
  #reason: unknown;

  /** Begins. */
  constructor(hub: Inbound, options: RelayOptions) {
    const driver = options.backplane;
    const clock = driver.clock ?? systemClock;
    this.#options = options;
    this.#driver = driver;
    this.#clock = clock;
    this.#inbox = inboxChannel(options.prefix, processId());
    this.#excepted = new Excepted((topic) => this.defers(topic));
    this.#incoming = new Incoming(hub, this.#origin, this.#heard, this.#excepted, options);
    this.#counters = new Counters(clock, (counter) => this.#repeat(counter));
    const refused = (error: unknown): void => this.#refused(error);
    this.#outgoing = new Outgoing(
      driver,
      clock,
      options.hold,
      refused,
      (counter, receipt) => this.#counted(counter, receipt),
    );
    this.#membership = new Membership(driver, clock, this.#heard, refused);
    const { ruleOf, prefix, gap, report } = options;
    const { history: store } = driver;
    this.history = ruleOf && store && new BrokerHistory({
      ...{ store, ruleOf, prefix, clock, hub, incoming: this.#incoming, gap, report, refused },
      logOf: (channel) => this.#membership.channels.get(channel)?.log,
      started: this.#started.promise,
      up: () => this.#state === "up",
    });
    this.#attendance = driver.presence && new PresenceRelay({
      ...{ store: driver.presence, prefix, refused, membership: this.#membership },
      ...{ heard: this.#heard, lease: leaseName(prefix, formatOrigin(this.#origin)) },
      publish: (channel, text) => this.#announce(channel, text),
    });
    this.presence = this.#attendance && new Presences(clock, this.#attendance);
    this.#probes = new Probes({
      ...{ name: driver.name, clock, heard: this.#heard },
      look: () => this.#reported = false,
      probe: () => this.#probe(),
      restart: () => tell(() => driver.restart?.(), undefined, report),
      deaf: (reason) => this.#lose(reason),
    });
    void this.#membership.join(this.#inbox, undefined);
    const late = (): void =>
      this.#lose(this.#reason ?? new Error(`${driver.name} has not answered for ${START} ms`));
    this.#timer = clock.setTimer(late, START, "the first connection of a backplane");
    try {
      // A driver may begin in an async function.
      Promise.resolve(driver.start(this)).catch((error) => this.down(error));
    } catch (error) {
      this.#stop(error);
      throw error;
    }
  }

  /** Implements {@linkcode Peers}. */
  join(topic: string): Promise<boolean> {
    const { history } = this;
    const rule = history?.ruleOf(topic);
    const openLog = rule && (() => history!.openLog(topic, rule));
    return this.#membership.join(this.#channel(topic, rule), topic, openLog);
  }

  /** Implements {@linkcode Peers}. */
  leave(topic: string): void {
    this.#membership.leave(this.#channel(topic, this.history?.ruleOf(topic)));
  }

  /** Implements {@linkcode Peers}. */
  defers(topic: string): boolean {
    return this.#options.ordered(topic) || this.history?.ruleOf(topic) !== undefined;
  }

  /** Implements {@linkcode Peers}. */
  check(message: PreparedMessage): void {
    const { maxSize = MOST, name } = this.#driver;
    const most = maxSize - LONGEST_HEADER;
    if (message.length <= most) return;
    throw Object.assign(
      new RangeError(
        `Expected a message of at most ${most} octets, which ${name} takes, got ${message.length}: publish where it can be fetched`,
      ),
      { code: "ERANGE" },
    );
  }

  /** Implements {@linkcode Peers}. */
  publish(topic: string, delivery: PlainDelivery, except?: Dispatcher): void {
    const rule = this.history?.ruleOf(topic);
    const counter = this.#counters.next(this.#channel(topic, rule));
    const sent = this.#send(counter, Kind.message, delivery, this.defers(topic), rule);
    if (sent && except !== undefined) this.#excepted.add(topic, counter, except);
  }

  /** Implements {@linkcode Peers}. */
  direct(id: string, message: PreparedMessage): boolean {
    const inbox = inboxChannel(this.#options.prefix, id.slice(0, id.indexOf("-")));
    const counter = this.#counters.next(inbox);
    return this.#send(counter, Kind.direct, { message, droppable: false, key: id }, false);
  }

  /** Implements {@linkcode Relaying}. */
  flush(): Promise<void> {
    return this.#outgoing.flush();
  }

  /** Implements {@linkcode Relaying}. */
  async close(timeout: number): Promise<void> {
    // What they reject with is counted, and a lease that is not renewed ends, too.
    const ended = Promise.allSettled([this.#outgoing.flush(), this.presence?.close()]);
    await this.#within(timeout, () => ended).catch(() => {});
    this.#state = "closed";
    this.presence?.end();
    this.#stop(new Error("The topics were closed"));
    this.#outgoing.close();
    this.#membership.close();
    await this.#within(timeout, () => this.#driver.close()).catch(this.#options.report);
  }

  /** Implements {@linkcode Relaying}. */
  stats(): RelayStats {
    const { taken, notTaken, waiting } = this.#outgoing;
    return {
      state: this.#state,
      channels: this.#membership.channels.size,
      taken,
      notTaken,
      waiting,
      ...this.#incoming.counts,
      forgotten: this.#heard.evicted + this.#counters.evicted,
    };
  }

  /** Implements {@linkcode BackplaneSink}. */
  up(): void {
    if (this.#state === "closed" || this.#connected) return;
    this.#connected = true;
    if (!this.#probes.deaf) return this.#recover();
    this.#probes.start();
    this.#probe();
  }

  /** Implements {@linkcode BackplaneSink}. */
  down(reason: unknown): void {
    if (this.#state === "closed") return;
    const connected = this.#connected;
    this.#connected = false;
    // At the start it may still come.
    if (this.#state === "starting") this.#reason = reason;
    else if (connected) this.#lose(reason);
    // Such as that a client has given up, after an outage that was told.
    else this.#options.report(reason);
  }

  /** Implements {@linkcode BackplaneSink}. */
  message(channelName: string, data: Uint8Array, position?: StoredPosition): void {
    const channel = this.#membership.channels.get(channelName);
    if (channel === undefined || this.#state === "closed") return;
    this.#probes.silence = 0;
    if (this.#probes.deaf && this.#connected) this.#recover();
    const { maxSize = MOST } = this.#driver;
    const envelope = data.length > maxSize ? undefined : decodeEnvelope(data);
    const { log, topic } = channel;
    if (topic === undefined && this.#attendance?.has(channel)) {
      const known = this.#incoming.known(envelope);
      if (known && known.origin !== this.#origin) this.#attendance.receive(channel, known);
    } else if (log === undefined) this.#incoming.receive(channel, envelope);
    else this.history!.receive(topic!, log, envelope, position);
  }

  /** Tells other processes who is present. Where that is lost, they read it. */
  #announce(channel: string, text: string): void {
    const counter = this.#counters.next(channel);
    const payload = encodeUtf8(text);
    const bytes = this.#wrap(counter, { ...NOTHING, kind: Kind.message, text: true, payload });
    this.#outgoing.push(channel, bytes, undefined, true);
  }

  #channel(topic: string, rule: Rule | undefined): string {
    return topicChannel(this.#options.prefix, topic, rule === undefined ? "t" : "h");
  }

  #send(
    counter: Counter,
    kind: number,
    { message, droppable, key }: PlainDelivery,
    once: boolean,
    retention?: Retention,
  ): boolean {
    const { channel } = counter;
    const [payload, opcode, compress] = contentOf(message);
    const text = opcode === Opcode.text;
    const bytes = this.#wrap(counter, { kind, text, droppable, compress, key, payload });
    return this.#outgoing.push(channel, bytes, counter, once, retention);
  }

  /** Waits for what closing has to wait for, and rejects when it takes longer. */
  async #within(timeout: number, work: () => Promise<unknown>): Promise<void> {
    const { promise, reject } = defer<never>();
    const late = (): void => reject(new Error(`${this.#driver.name} has not ended in time`));
    const delay = Math.min(timeout, LONGEST_TIMER);
    const timer = this.#clock.setTimer(late, delay, "the close of topics");
    try {
      await Promise.race([work(), promise]);
    } finally {
      this.#clock.clearTimer(timer);
    }
  }

  #wrap(
    { generation, sequence }: Pick<Counter, "generation" | "sequence">,
    content: Omit<Envelope, "origin" | "generation" | "sequence">,
  ): Bytes {
    return encodeEnvelope({ origin: this.#origin, generation, sequence, ...content });
  }

  /** Repeats the last number of a counter, or the last position of a topic with history. */
  #repeat(counter: Counter): void {
    const { channel, stored } = counter;
    // Of a topic with history nothing was kept yet.
    if (stored === undefined && channel.startsWith(`${this.#options.prefix}h:`)) return;
    const payload = stored === undefined ? EMPTY : writePosition(stored);
    const bytes = this.#wrap(counter, { ...NOTHING, kind: Kind.repeat, payload });
    this.#outgoing.push(channel, bytes, undefined, true);
  }

  /** The broker has told how many got the last message of a counter, or where it was put. */
  #counted(counter: Counter, receipt: number | StoreReceipt): void {
    const { channel } = counter;
    const own = this.#membership.channels.get(channel)?.state === "in" ? 1 : 0;
    if (typeof receipt === "number") counter.alone = receipt <= own;
    else {
      const { epoch, offset, receivers = Infinity } = receipt;
      counter.stored = { epoch, offset };
      counter.alone = receivers <= own;
    }
  }

  /** The broker is there. */
  #recover(): void {
    this.#clock.clearTimer(this.#timer);
    this.#state = "up";
    this.#started.resolve();
    this.#probes.hear();
    this.#membership.up();
    this.#outgoing.up();
    this.#counters.start();
    this.presence?.up();
    this.#probes.start();
    this.#options.state({ state: "up", reason: undefined });
  }

  /** The broker is away. */
  #lose(reason: unknown): void {
    const wasDown = this.#state === "down";
    this.#state = "down";
    this.#stop(reason);
    if (!wasDown) this.#options.state({ state: "down", reason });
  }

  #stop(reason: unknown): void {
    this.#started.resolve();
    this.#probes.stop();
    this.#clock.clearTimer(this.#timer);
    this.#membership.down();
    this.#counters.stop();
    this.presence?.down();
    this.#outgoing.down(reason);
  }

  /** Sends a message to this process. It need not come back, so nothing is reported. */
  #probe(): void {
    const bytes = this.#wrap({ generation: 0, sequence: 1 }, { ...NOTHING, kind: Kind.probe });
    const sent = async (): Promise<void> => {
      await this.#driver.join([this.#inbox]);
      await this.#driver.publish(this.#inbox, bytes);
    };
    void handled(sent());
  }

  /** The driver has rejected something while it is up. */
  #refused(error: unknown): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#options.report(error);
  }
}
