// Calls of a store, of presence or of history: at most 64 at a time, the others in turn, each with
// a deadline.

import { describe, isObject } from "../util/check_options.ts";
import type { Clock } from "../util/clock.ts";
import type { PresenceEntry } from "./backplane.ts";
import type { PresencePeers } from "./presence_peers.ts";

/** The most calls under way. */
const MOST = 64;
/** Milliseconds that a call may take. */
const PATIENCE = 5_000;

/** Calls of one store. */
export class StoreCalls {
  readonly #clock: Clock;
  readonly #what: string;
  #running = 0;
  readonly #queue: (() => void)[] = [];
  /** Ends the calls that are under way. */
  readonly #ends = new Set<(error: Error) => void>();
  #closed = false;

  /** No calls; `what` is kept there. */
  constructor(clock: Clock, what: string) {
    this.#clock = clock;
    this.#what = what;
  }

  /**
   * Calls the store, now or when others have ended.
   *
   * @param call Calls it.
   * @returns What that resolves with. Rejects when that does, after 5 s, and on `close()`.
   */
  run<Result>(call: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const start = (): void => {
        if (this.#closed) reject(closed());
        else this.#start(call, resolve, reject);
      };
      if (this.#running < MOST) start();
      else this.#queue.push(start);
    });
  }

  /** Ends all of them. */
  close(): void {
    this.#closed = true;
    for (const end of [...this.#ends]) end(closed());
    for (const start of this.#queue.splice(0)) start();
  }

  #start<Result>(
    call: () => Promise<Result>,
    resolve: (result: Result) => void,
    reject: (error: unknown) => void,
  ): void {
    this.#running++;
    const end = (): boolean => {
      if (!this.#ends.delete(fail)) return false;
      this.#clock.clearTimer(timer);
      this.#running--;
      return true;
    };
    const fail = (error: unknown): void => {
      if (!end()) return;
      reject(error);
      this.#queue.shift()?.();
    };
    const late = (): void =>
      fail(new Error(`The store of ${this.#what} has not answered in ${PATIENCE} ms`));
    const timer = this.#clock.setTimer(late, PATIENCE, `the store of ${this.#what}`);
    this.#ends.add(fail);
    // A driver that is not typed may throw, or return no promise.
    new Promise<Result>((settle) => settle(call())).then((result) => {
      if (!end()) return;
      resolve(result);
      this.#queue.shift()?.();
    }, fail);
  }
}

/**
 * Reads what processes have on a topic.
 *
 * @returns Resolves with that. Rejects also when the driver, which need not be typed, gives
 * something else.
 */
export function readMembers(
  calls: StoreCalls,
  peers: PresencePeers,
  topic: string,
): Promise<PresenceEntry[]> {
  return calls.run(async () => {
    const entries: unknown = await peers.store.read(peers.channelOf(topic));
    if (Array.isArray(entries) && entries.every(isEntry)) return entries;
    throw unexpected("read", "a list of { lease, key, info }", entries);
  });
}

/**
 * Asks which leases last.
 *
 * @returns Resolves with the answers. Rejects like `readMembers()`.
 */
export function askAlive(
  calls: StoreCalls,
  peers: PresencePeers,
  leases: readonly string[],
): Promise<boolean[]> {
  return calls.run(async () => {
    const alive: unknown = await peers.store.alive(leases);
    if (Array.isArray(alive) && alive.length === leases.length) return alive as boolean[];
    throw unexpected("alive", `a list of ${leases.length} booleans`, alive);
  });
}

function isEntry(entry: unknown): entry is PresenceEntry {
  if (!isObject(entry)) return false;
  return typeof entry.lease === "string" && typeof entry.key === "string";
}

function unexpected(method: string, what: string, got: unknown): TypeError {
  const list = Array.isArray(got) ? "another list" : describe(got);
  return new TypeError(
    `Expected ${method}() of the store of presence to give ${what}, got ${list}: mend the driver`,
  );
}

function closed(): Error {
  return new Error("The topics were closed");
}
