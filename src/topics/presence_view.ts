// The members of a topic, put together from all processes.
//
// 1. A member is present while a process has it. The view therefore keeps which have: it says
//    "join" with the first of them and "leave" with the last.
// 2. Of several processes that have a key, the latest stamp says what is known of the member, and
//    where two are equal, the lease that sorts last: so all processes agree.

import type { PresenceChanges, PresenceValue } from "./presence_message.ts";

/** What a view has seen change; `info` is JSON. */
export interface PresenceDifference {
  /** What. */
  readonly type: "join" | "leave" | "update";
  /** Who. */
  readonly key: string;
  /** What is known of the member: "" when it has left. */
  readonly info: string;
}

/** What a process has of a member. */
export interface Hold extends PresenceValue {
  readonly lease: string;
}

/** By key: the processes that have it, the one that counts first. */
type Holds = Map<string, readonly Hold[]>;

/** The members of a topic in all processes. */
export class PresenceView {
  /** By lease: how many members a process has here. */
  readonly leases: Map<string, number> = new Map();
  readonly #changed: (difference: PresenceDifference) => void;
  #holds: Holds = new Map();

  /** No members; `changed` is called with each difference. */
  constructor(changed: (difference: PresenceDifference) => void) {
    this.#changed = changed;
  }

  /** How many members there are. */
  get size(): number {
    return this.#holds.size;
  }

  /** The members; what is known of each, as JSON. */
  *members(): Generator<readonly [key: string, info: string]> {
    for (const [key, [first]] of this.#holds) yield [key, first!.info];
  }

  /** What each process has of each member. */
  *entries(): Generator<Hold & { readonly key: string }> {
    for (const [key, holds] of this.#holds) for (const hold of holds) yield { key, ...hold };
  }

  /** The stamp of what is known of a member; 0 when it is not here. */
  stampOf(key: string): number {
    return this.#holds.get(key)?.[0]?.stamp ?? 0;
  }

  /** One process has put and removed members. */
  apply({ lease, changes }: PresenceChanges): void {
    for (const [key, value] of changes) this.#set(key, lease, value);
  }

  /** A process has ended: it has no members any more. */
  drop(lease: string): void {
    if (!this.leases.has(lease)) return;
    for (const [key, holds] of [...this.#holds]) {
      if (holds.some((hold) => hold.lease === lease)) this.#set(key, lease, undefined);
    }
  }

  /** All processes have been read anew; what differs is told. */
  replace(entries: Iterable<Hold & { readonly key: string }>): void {
    const stale = new Map<string, Set<string>>();
    for (const [key, holds] of this.#holds) {
      stale.set(key, new Set(holds.map(({ lease }) => lease)));
    }
    // First what is there, so that a member whose process has changed does not leave.
    for (const { key, lease, stamp, info } of entries) {
      stale.get(key)?.delete(lease);
      this.#set(key, lease, { stamp, info });
    }
    for (const [key, leases] of stale) {
      for (const lease of leases) this.#set(key, lease, undefined);
    }
  }

  #set(key: string, lease: string, value: PresenceValue | undefined): void {
    const before = this.#holds.get(key) ?? [];
    const others = before.filter((hold) => hold.lease !== lease);
    const had = others.length < before.length;
    if (!had && value === undefined) return;
    this.#count(lease, (value === undefined ? 0 : 1) - (had ? 1 : 0));
    const after = value === undefined ? others : [...others, { lease, ...value }].sort(latestFirst);
    const [old] = before;
    const [now] = after;
    if (now === undefined) this.#holds.delete(key);
    else this.#holds.set(key, after);
    if (now === undefined) this.#changed({ type: "leave", key, info: "" });
    else if (old === undefined) this.#changed({ type: "join", key, info: now.info });
    else if (old.info !== now.info) this.#changed({ type: "update", key, info: now.info });
  }

  #count(lease: string, more: number): void {
    const count = (this.leases.get(lease) ?? 0) + more;
    if (count === 0) this.leases.delete(lease);
    else this.leases.set(lease, count);
  }
}

function latestFirst(a: Hold, b: Hold): number {
  return b.stamp - a.stamp || (a.lease < b.lease ? 1 : -1);
}
