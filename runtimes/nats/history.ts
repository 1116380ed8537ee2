// The history of topics in JetStream.
//
// 1. Topics with the same size and ttl share a stream, and each is a subject of it. The sequence of
//    the stream is the offset, and so the offsets of one topic have holes.
// 2. A message is published to the stream alone. The stream republishes it with its sequence, and
//    that of the one before it, where all that have joined hear it.
// 3. A stream is known by the time of its creation: the epoch. It is read when a connection comes
//    up, when a publish finds no stream, and when a message does not follow the last: then
//    the stream may be another with the same name. What arrives meanwhile is held, with a bound.
// 4. With several publishers, the server republishes some messages a little before others that
//    stand before them in the stream: these wait a moment for what is missing.

import type {
  BackplaneSink,
  HistoryStore,
  Retention,
  StorePage,
  StoreReceipt,
} from "../../src/topics/backplane.ts";
import { systemClock } from "../../src/util/clock.ts";
import { isGone, type JetStream, type Selection, streamName } from "./jetstream.ts";
import type { NatsMessageLike } from "./mod.ts";

/** The most octets that are held for a stream while its epoch is read. */
const HELD_OCTETS = 4_194_304;

/** Milliseconds for which a message waits for the one before it, and how many do on a channel. */
const PATIENCE = 20;
const EARLY = 256;

/** A stream in use. */
interface Stream {
  readonly name: string;
  /** Its subjects, up to the name of the topic. */
  readonly subjects: string;
  /** Where it republishes, up to the name of the topic. */
  readonly live: string;
  readonly retention: Retention;
  /** Its epoch, while that is known. */
  epoch: string | undefined;
  /** The read of the epoch that is under way. */
  opening: Promise<void> | undefined;
  /** The greatest sequence that was seen in a receipt. */
  receipt: number;
  /** What is due once the epoch is known, or not to be had. */
  held: ((error?: unknown) => void)[];
  heldOctets: number;
}

/** A message that has come. */
interface Arrived {
  readonly envelope: Uint8Array;
  readonly offset: number;
  readonly previous: number;
}

/** What has come on a channel. */
interface Live {
  readonly channel: string;
  readonly sink: BackplaneSink;
  epoch: string;
  /** The offset of the last message that was delivered; 0 before the first. */
  last: number;
  /** What waits for the one before it. */
  early: Arrived[];
  timer: unknown;
}

/** The history of all topics of one driver. */
export class NatsHistory implements HistoryStore {
  readonly consecutive = false;
  readonly #jetStream: JetStream;
  readonly #streams: Map<string, Stream> = new Map();
  readonly #live: Map<string, Live> = new Map();

  constructor(jetStream: JetStream) {
    this.#jetStream = jetStream;
  }

  publish(channel: string, envelope: Uint8Array, retention: Retention): Promise<StoreReceipt> {
    const { parent, topic } = split(channel);
    const stream = this.#stream(parent, retention);
    if (stream.epoch !== undefined) return this.#send(stream, topic, envelope);
    return new Promise((resolve, reject) => {
      stream.held.push((error) => {
        if (error === undefined) resolve(this.#send(stream, topic, envelope));
        else reject(error);
      });
      void this.#open(stream);
    });
  }

  async read(
    channel: string,
    after: number | undefined,
    limit: number,
    retention: Retention,
  ): Promise<StorePage> {
    const { parent, topic } = split(channel);
    const stream = this.#stream(parent, retention);
    const { epoch, first, last } = await this.#look(stream);
    if (after !== undefined && after >= last) {
      return { epoch, offset: last, messages: [], complete: after === last };
    }
    const messages: { offset: number; envelope: Uint8Array }[] = [];
    const selection: Selection = {
      filter_subject: stream.subjects + topic,
      ...(after === undefined
        ? { deliver_policy: "all" }
        : { deliver_policy: "by_start_sequence", opt_start_seq: after + 1 }),
    };
    // The newest can only be had behind all others.
    const most = after === undefined ? Infinity : limit;
    const { there, all } = await this.#jetStream.read(
      stream.name,
      selection,
      most,
      ({ data }, offset) => {
        messages.push({ offset, envelope: new Uint8Array(data) });
        if (messages.length > limit) messages.shift();
      },
    );
    const now = await this.#look(stream);
    if (now.epoch !== epoch) throw new Error("The stream was deleted in NATS while it was read");
    const offset = Math.max(last, messages.at(-1)?.offset ?? 0);
    if (after === undefined) return { epoch, offset, messages, complete: true };
    // What has gone by age has left the stream with all that was there before.
    const notByAge = Math.max(first, now.first) <= after + 1;
    // A topic loses by size only when it has so many messages, and the oldest first.
    const { size } = retention;
    const notBefore = there < size || messages[0]?.offset === after + 1;
    const notMeanwhile = all && there + now.last - last <= size;
    return { epoch, offset, messages, complete: notByAge && notBefore && notMeanwhile };
  }

  /**
   * Delivers what has come on the live subject of a channel.
   *
   * @param channel The channel.
   * @param message The message.
   * @param sink Where to deliver.
   */
  receive(channel: string, message: NatsMessageLike, sink: BackplaneSink): void {
    // A copy: it is a view on all that came with it.
    const envelope = new Uint8Array(message.data);
    const stream = this.#sender(channel, message);
    if (stream === undefined) return sink.message(channel, envelope);
    const { headers } = message;
    const offset = Number(headers?.get("Nats-Sequence"));
    const previous = Number(headers?.get("Nats-Last-Sequence"));
    let live = this.#live.get(channel);
    if (live === undefined) {
      live = { channel, sink, epoch: "", last: 0, early: [], timer: undefined };
      this.#live.set(channel, live);
    }
    this.#arrive(stream, live, { envelope, offset, previous }, false);
  }

  /** A channel was left. */
  leave(channel: string): void {
    systemClock.clearTimer(this.#live.get(channel)?.timer);
    this.#live.delete(channel);
  }

  /** Whether there is anything to renew. */
  get used(): boolean {
    return this.#streams.size > 0;
  }

  /** The connection has come up: reads the epochs of all streams in use. */
  async renew(): Promise<void> {
    await Promise.all(Array.from(this.#streams.values(), (stream) => {
      stream.epoch = undefined;
      return this.#open(stream);
    }));
  }

  /** The connection is lost. */
  lose(reason: Error): void {
    for (const stream of this.#streams.values()) {
      stream.epoch = stream.opening = undefined;
      release(stream, reason);
    }
    for (const channel of this.#live.keys()) this.leave(channel);
  }

  #arrive(stream: Stream, live: Live, message: Arrived, certain: boolean): void {
    if (this.#live.get(live.channel) !== live) return;
    const { epoch } = stream;
    if (epoch !== undefined && epoch !== live.epoch) {
      this.#giveUp(live);
      live.epoch = epoch;
      live.last = 0;
    }
    const { previous, envelope } = message;
    if (epoch === undefined || (previous < live.last && !certain)) {
      stream.epoch = undefined;
      // What is over the bound is lost, and the next shows that.
      stream.heldOctets += envelope.length;
      if (stream.heldOctets <= HELD_OCTETS) {
        const again = epoch !== undefined;
        stream.held.push((error) => error ?? this.#arrive(stream, live, message, again));
      }
      void this.#open(stream);
    } else if (live.last > 0 && previous > live.last && live.early.length < EARLY) {
      live.early.push(message);
      live.timer ??= systemClock.setTimer(() => this.#giveUp(live), PATIENCE, "an order");
    } else {
      deliver(live, message);
      for (let next; (next = takeNext(live)) !== undefined;) deliver(live, next);
    }
  }

  /** Delivers what has waited for a message that does not come. */
  #giveUp(live: Live): void {
    systemClock.clearTimer(live.timer);
    live.timer = undefined;
    const { early } = live;
    live.early = [];
    for (const message of early.sort((one, other) => one.offset - other.offset)) {
      deliver(live, message);
    }
  }

  #stream(parent: string, retention: Retention): Stream {
    const { size, ttl } = retention;
    const name = `${streamName(parent)}-${size}-${ttl}`;
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      const subjects = `${parent}.${size}-${ttl}.`;
      const live = liveSubject(parent, "");
      const nothing = { epoch: undefined, opening: undefined, receipt: 0 };
      stream = { name, subjects, live, retention, ...nothing, held: [], heldOctets: 0 };
      this.#streams.set(name, stream);
    }
    return stream;
  }

  /** The stream that has republished a message; undefined for one that was published there. */
  #sender(channel: string, { headers }: NatsMessageLike): Stream | undefined {
    const name = headers?.get("Nats-Stream") ?? "";
    const known = this.#streams.get(name);
    if (known !== undefined) return known;
    const [, size, ttl] = /-(\d{1,5})-(\d{1,13})$/.exec(name) ?? [];
    if (ttl === undefined) return undefined;
    const { parent } = split(channel);
    const retention = { size: Number(size), ttl: Number(ttl) };
    if (name !== `${streamName(parent)}-${retention.size}-${retention.ttl}`) return undefined;
    return this.#stream(parent, retention);
  }

  async #send(stream: Stream, topic: string, envelope: Uint8Array): Promise<StoreReceipt> {
    let { epoch } = stream;
    let offset;
    try {
      offset = await this.#jetStream.publish(stream.subjects + topic, envelope);
    } catch (error) {
      // The next to publish makes the stream anew.
      if (isGone(error) && stream.epoch === epoch) stream.epoch = undefined;
      throw error;
    }
    if (offset <= stream.receipt || stream.epoch !== epoch) {
      const now = await this.#look(stream);
      if (offset > now.last) throw new Error("The stream was deleted in NATS after a publish");
      epoch = now.epoch;
    }
    stream.receipt = offset;
    return { epoch: epoch!, offset, receivers: undefined };
  }

  /** Reads the epoch of a stream, and makes the stream if there is none. */
  #open(stream: Stream): Promise<void> {
    const opening = stream.opening ??= this.#look(stream).then(() => undefined, (error) => {
      if (stream.opening !== opening) return;
      stream.opening = undefined;
      release(stream, error);
    });
    return opening;
  }

  async #look(stream: Stream): Promise<{ epoch: string; first: number; last: number }> {
    const { name, subjects, live, retention: { size, ttl } } = stream;
    const { created, state } = await this.#jetStream.open({
      name,
      subjects: [`${subjects}*`],
      max_msgs_per_subject: size,
      max_age: ttl * 1e6,
      republish: { src: `${subjects}*`, dest: `${live}{{wildcard(1)}}` },
    });
    const epoch = created.replace(/\W/g, "");
    stream.epoch = epoch;
    stream.opening = undefined;
    release(stream);
    return { epoch, first: state.first_seq, last: state.last_seq };
  }
}

function deliver(live: Live, { envelope, offset, previous }: Arrived): void {
  live.last = Math.max(live.last, offset);
  live.sink.message(live.channel, envelope, { epoch: live.epoch, offset, previous });
}

/** Takes the message that follows the last, if it has come early. */
function takeNext(live: Live): Arrived | undefined {
  const { early, last, timer } = live;
  if (early.length === 0) return undefined;
  const index = early.findIndex(({ previous }) => previous <= last);
  const [next] = index < 0 ? [] : early.splice(index, 1);
  if (early.length === 0) {
    systemClock.clearTimer(timer);
    live.timer = undefined;
  }
  return next;
}

/** Does what was held, in order. */
function release(stream: Stream, error?: unknown): void {
  const { held } = stream;
  stream.held = [];
  stream.heldOctets = 0;
  for (const due of held) due(error);
}

/** The subject on which those that have joined a channel hear its messages. */
export function subjectOf(channel: string): string {
  const { parent, topic } = split(channel);
  return parent.endsWith("h") ? liveSubject(parent, topic) : channel;
}

function liveSubject(parent: string, topic: string): string {
  return `${parent}.live.${topic}`;
}

/** A channel is its prefix and its kind, the last colon, and the name of the topic. */
export function split(channel: string): { readonly parent: string; readonly topic: string } {
  const colon = Math.max(channel.lastIndexOf(":"), 0);
  return { parent: channel.slice(0, colon), topic: channel.slice(colon + 1) };
}
