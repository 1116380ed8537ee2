// Who is present, kept in memory: one store for all drivers of a test, with leases by a clock.

import type { PresenceEntry, PresenceStore } from "../../src/topics/backplane.ts";
import type { Clock } from "../../src/util/clock.ts";

/** A store of presence. */
export class MemoryPresence implements PresenceStore {
  /** When each lease ends. */
  readonly leases: Map<string, number> = new Map();
  /** By channel, then by lease and key. */
  readonly channels: Map<string, Map<string, PresenceEntry>> = new Map();
  /** How often each call was made. */
  readonly calls = { renew: 0, alive: 0, write: 0, read: 0 };
  /** What calls reject with. */
  refuses: Error | undefined;
  /** What `read()` waits for before it answers. */
  reading: Promise<unknown> = Promise.resolve();
  readonly #clock: Clock;

  /** An empty store. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Loses its data. */
  clear(): void {
    this.leases.clear();
    this.channels.clear();
  }

  async renew(lease: string, expiry: number): Promise<boolean> {
    await this.#call("renew");
    const had = this.#lasts(lease);
    this.leases.set(lease, this.#clock.now() + expiry);
    return had;
  }

  async alive(leases: readonly string[]): Promise<boolean[]> {
    await this.#call("alive");
    return leases.map((lease) => this.#lasts(lease));
  }

  async write(
    channel: string,
    lease: string,
    changes: ReadonlyMap<string, string | undefined>,
  ): Promise<void> {
    await this.#call("write");
    const entries = this.channels.get(channel) ?? new Map<string, PresenceEntry>();
    this.channels.set(channel, entries);
    for (const [key, info] of changes) {
      const id = JSON.stringify([lease, key]);
      if (info === undefined) entries.delete(id);
      else entries.set(id, { lease, key, info });
    }
  }

  async read(channel: string): Promise<PresenceEntry[]> {
    await this.#call("read");
    const entries = this.channels.get(channel) ?? new Map<string, PresenceEntry>();
    for (const [id, { lease }] of entries) if (!this.#lasts(lease)) entries.delete(id);
    const found = [...entries.values()];
    await this.reading;
    return found;
  }

  async #call(what: keyof MemoryPresence["calls"]): Promise<void> {
    this.calls[what]++;
    await Promise.resolve();
    if (this.refuses !== undefined) throw this.refuses;
  }

  #lasts(lease: string): boolean {
    return (this.leases.get(lease) ?? -Infinity) > this.#clock.now();
  }
}
