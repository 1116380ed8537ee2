// What presence needs of the way to other processes.

import type { PresenceStore } from "./backplane.ts";

/** Gets what other processes tell about a topic. */
export interface PresenceWatcher {
  /** Another process has announced changes. */
  event(text: string): void;
  /** Something may have been missed: read again. */
  gap(): void;
}

/** The way to other processes. */
export interface PresencePeers {
  /** Keeps who is present. */
  readonly store: PresenceStore;
  /** The lease of this process. */
  readonly lease: string;
  /** The name of the channel of a topic. */
  channelOf(topic: string): string;
  /** Tells the processes that watch a topic. It may be lost: then they get a gap. */
  announce(topic: string, text: string): void;
  /** Listens to the channel of a topic. Resolves with whether it is joined; may be called again. */
  watch(topic: string, watcher: PresenceWatcher): Promise<boolean>;
  /** Ends that. */
  unwatch(topic: string): void;
  /** The store has rejected something while the broker is up. */
  refused(error: unknown): void;
}
