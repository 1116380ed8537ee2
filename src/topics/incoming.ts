// What comes from other processes: each envelope is counted, and its message goes to the hub.

import type { Dispatcher } from "../connection/dispatcher.ts";
import { PreparedMessage } from "../protocol/prepared_message.ts";
import { type Envelope, formatOrigin, Kind } from "./envelope.ts";
import type { Excepted } from "./excepted.ts";
import type { Heard } from "./heard.ts";
import type { Inbound } from "./hub.ts";
import type { Channel } from "./membership.ts";
import type { TopicGap } from "./relay_stats.ts";

/** What it needs of the options of a relay. */
export interface IncomingOptions {
  /** Whether a topic has the broker's order. */
  readonly ordered: (topic: string) => boolean;
  /** Tells of a gap. */
  readonly gap: (gap: TopicGap) => void;
  /** Reports what others send that cannot be read. */
  readonly report: (error: unknown) => void;
}

/** What comes from other processes. */
export class Incoming {
  /** What has become of it; see `RelayStats`. */
  readonly counts = { received: 0, missed: 0, filled: 0, repeated: 0, malformed: 0, unknown: 0 };
  readonly #hub: Inbound;
  readonly #origin: number;
  readonly #heard: Heard;
  readonly #excepted: Excepted;
  readonly #options: IncomingOptions;
  /** Versions that were reported. */
  readonly #versions = new Set<number>();

  /**
   * Nothing yet.
   *
   * @param hub Gets the messages.
   * @param origin That of this process.
   * @param heard Counts what is missed.
   * @param excepted Who gets no message that comes back.
   * @param options Those of the relay.
   */
  constructor(
    hub: Inbound,
    origin: number,
    heard: Heard,
    excepted: Excepted,
    options: IncomingOptions,
  ) {
    this.#hub = hub;
    this.#origin = origin;
    this.#heard = heard;
    this.#excepted = excepted;
    this.#options = options;
  }

  /** Takes what `decodeEnvelope()` has read. */
  receive(channel: Channel, envelope: Envelope | number | undefined): void {
    const known = this.known(envelope);
    if (known !== undefined) this.#take(channel, known);
  }

  /** An envelope that could be read; the others are counted. */
  known(envelope: Envelope | number | undefined): Envelope | undefined {
    if (typeof envelope === "object") return envelope;
    this.counts.malformed++;
    if (envelope !== undefined) this.#unreadable(envelope);
    return undefined;
  }

  /** Who gets no message that comes back: the connection here that has published it. */
  exceptOf(envelope: Envelope): Dispatcher | undefined {
    return envelope.origin === this.#origin ? this.#excepted.take(envelope) : undefined;
  }

  #take(channel: Channel, envelope: Envelope): void {
    const { kind, origin } = envelope;
    const { topic } = channel;
    const own = origin === this.#origin;
    // What the hub has delivered comes back, too.
    if (kind === Kind.probe || (own && !(topic !== undefined && this.#options.ordered(topic)))) {
      return;
    }
    const missed = this.#heard.note(channel.publishers, envelope);
    if (missed < 0) {
      this.counts.repeated++;
      return;
    }
    if (missed > 0) {
      this.counts.missed += missed;
      this.#options.gap({ topic, origin: formatOrigin(origin), missed });
    }
    if (kind === Kind.repeat) return;
    const message = open(envelope);
    if (message === undefined || (kind === Kind.direct) !== (topic === undefined)) {
      this.counts.malformed++;
      return;
    }
    this.counts.received++;
    const { droppable, key } = envelope;
    if (topic === undefined) {
      if (!this.#hub.direct(key!, message)) this.counts.unknown++;
      return;
    }
    this.#hub.deliver(topic, { message, droppable, key }, this.exceptOf(envelope));
  }

  #unreadable(version: number): void {
    if (this.#versions.has(version)) return;
    this.#versions.add(version);
    this.#options.report(
      new Error(
        `Expected messages of version 1 from other processes, got version ${version}: use one version of this library in all of them`,
      ),
    );
  }
}

/** The message in an envelope; undefined when it is text and not UTF-8. */
export function open({ text, compress, payload }: Envelope): PreparedMessage | undefined {
  try {
    return new PreparedMessage(payload, { binary: !text, compress });
  } catch {
    return undefined;
  }
}
