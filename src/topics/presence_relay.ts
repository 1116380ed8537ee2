// What presence needs of a relay: its channels, and announcements on them.
//
// Announcements are messages on a channel of their own, numbered as others are: so one that was
// lost shows, at the latest when its publisher repeats the number. Of a publisher that was not
// heard before, any other number than the first may mean a loss, too.

import type { PresenceStore } from "./backplane.ts";
import { topicChannel } from "./channel_name.ts";
import { type Envelope, Kind } from "./envelope.ts";
import type { Heard } from "./heard.ts";
import type { Channel, Membership } from "./membership.ts";
import type { PresencePeers, PresenceWatcher } from "./presence_peers.ts";
import { decodeUtf8 } from "../util/utf8.ts";

/** What it needs of a relay. */
export interface PresenceRelayOptions {
  /** Keeps who is present. */
  readonly store: PresenceStore;
  /** What the names of channels begin with. */
  readonly prefix: string;
  /** The lease of this process. */
  readonly lease: string;
  /** Joins and leaves channels. */
  readonly membership: Pick<Membership, "join" | "leave">;
  /** Counts what is missed. */
  readonly heard: Heard;
  /** Publishes a text on a channel. */
  readonly publish: (channel: string, text: string) => void;
  /** Called with what the store rejects while the broker is up. */
  readonly refused: (error: unknown) => void;
}

/** The way of presence over a relay. */
export class PresenceRelay implements PresencePeers {
  readonly store: PresenceStore;
  readonly lease: string;
  readonly refused: (error: unknown) => void;
  readonly #options: PresenceRelayOptions;
  /** By channel. */
  readonly #watchers = new Map<string, PresenceWatcher>();

  /** Watches nothing yet. */
  constructor(options: PresenceRelayOptions) {
    const { store, lease, refused } = options;
    this.store = store;
    this.lease = lease;
    this.refused = refused;
    this.#options = options;
  }

  channelOf(topic: string): string {
    return topicChannel(this.#options.prefix, topic, "p");
  }

  announce(topic: string, text: string): void {
    this.#options.publish(this.channelOf(topic), text);
  }

  watch(topic: string, watcher: PresenceWatcher): Promise<boolean> {
    const channel = this.channelOf(topic);
    this.#watchers.set(channel, watcher);
    return this.#options.membership.join(channel, undefined);
  }

  unwatch(topic: string): void {
    const channel = this.channelOf(topic);
    this.#watchers.delete(channel);
    this.#options.membership.leave(channel);
  }

  /** Whether a channel is one of presence. */
  has(channel: Channel): boolean {
    return channel.name.startsWith(`${this.#options.prefix}p:`);
  }

  /** Takes what has come from another process. */
  receive({ name, publishers }: Channel, envelope: Envelope): void {
    const { kind, origin, sequence, payload } = envelope;
    if (kind !== Kind.message && kind !== Kind.repeat) return;
    const watcher = this.#watchers.get(name);
    const isNew = !publishers.has(origin);
    const missed = this.#options.heard.note(publishers, envelope);
    if (missed < 0) return;
    const exact = kind === Kind.message && sequence === 1;
    if (missed > 0 || (isNew && !exact)) watcher?.gap();
    if (kind === Kind.message) watcher?.event(decodeUtf8(payload, 0, payload.length) ?? "");
  }
}
