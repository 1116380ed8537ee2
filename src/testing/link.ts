// What a test does to one connection of a network in memory.

import { describe } from "../util/check_options.ts";
import { LONGEST_TIMER } from "../util/clock.ts";
import { lost } from "../transport/network_error.ts";
import type { MemoryTransport } from "./memory_transport.ts";

/** One end of a link. */
export type Side = "client" | "server";

/**
 * The network between both ends of one connection, with faults on demand. All faults hold in both
 * directions, also for what is sent later, until {@linkcode Link.restore}. Every method throws an
 * Error once the connection has ended.
 */
export interface Link {
  /** The host of the client; see `from` of {@linkcode NetworkConnectOptions}. */
  readonly from: string;
  /** The host of the server. */
  readonly to: string;
  /** Whether either end still has the connection. */
  readonly open: boolean;
  /** Resets the connection (RST): both ends lose what is under way, and are told at once. */
  cut(): void;
  /** Ends the stream in order at both ends (FIN), behind what has been sent. */
  end(): void;
  /** Lets nothing arrive any more, and tells neither end: only a heartbeat finds it. */
  halfOpen(): void;
  /**
   * Lets nothing arrive at one end, as when its process stands still.
   *
   * @param side Which end.
   */
  pause(side: Side): void;
  /**
   * Lets arrive again what was held back.
   *
   * @param side Which end.
   */
  resume(side: Side): void;
  /**
   * Lets through so many octets a second.
   *
   * @param octetsPerSecond More than 0; Infinity ends it.
   * @throws {RangeError} When it is not.
   */
  slow(octetsPerSecond: number): void;
  /**
   * Divides what arrives.
   *
   * @param sizes The size of each piece in octets, at least 1; of a list, one after the other, over
   * and over.
   * @throws {RangeError} When a size is none.
   */
  split(sizes: number | readonly number[]): void;
  /**
   * Lets everything arrive later, in order.
   *
   * @param milliseconds How much later.
   * @throws {RangeError} When the time is negative, or longer than a timer can be (24.8 days).
   */
  delay(milliseconds: number): void;
  /**
   * Resets the connection when so many octets more have arrived, counted at both ends together. The
   * end that gets the last of them reads them first.
   *
   * @param octets How many, from 0 on.
   * @throws {RangeError} When it is no whole number.
   */
  cutAfter(octets: number): void;
  /** Removes all faults. What was held back arrives. */
  restore(): void;
}

const SIDES = ["client", "server"] as const;

/** The link between two transports. */
export class MemoryLink implements Link {
  readonly from: string;
  readonly to: string;
  readonly #ends: Readonly<Record<Side, MemoryTransport>>;
  readonly #paused = new Set<Side>();
  #partitioned = false;

  /** The link of a connection from one host to another. */
  constructor(from: string, to: string, client: MemoryTransport, server: MemoryTransport) {
    this.from = from;
    this.to = to;
    this.#ends = { client, server };
  }

  /** Both ends, for a report. */
  get name(): string {
    const { hostname, port } = this.#ends.client.localAddress;
    return `${hostname}:${port} to ${this.to}:${this.#ends.server.localAddress.port}`;
  }

  /** What holds it up, for a report. */
  describe(): string {
    const faults = SIDES.flatMap((side) => {
      const { held, size, rate, delay } = this.#ends[side].wire;
      return [
        held ? `nothing arrives at the ${side}` : "",
        rate < Infinity ? `${rate} octets a second arrive at the ${side}` : "",
        delay > 0 ? `the ${side} waits ${delay} ms` : "",
        size > 0 ? `${size} octets are under way to the ${side}` : "",
      ].filter((fault) => fault !== "");
    });
    return `from ${this.name} ${faults.length === 0 ? "all arrives" : faults.join(", ")}`;
  }

  get open(): boolean {
    return SIDES.some((side) => !this.#ends[side].gone);
  }

  cut(): void {
    this.#check("cut()");
    this.#reset();
  }

  end(): void {
    this.#check("end()");
    for (const side of SIDES) this.#ends[side].sever();
  }

  halfOpen(): void {
    this.#check("halfOpen()");
    for (const side of SIDES) this.#paused.add(side);
    this.#hold();
  }

  pause(side: Side): void {
    this.#check("pause()");
    this.#paused.add(checkSide(side));
    this.#hold();
  }

  resume(side: Side): void {
    this.#check("resume()");
    this.#paused.delete(checkSide(side));
    this.#hold();
  }

  slow(octetsPerSecond: number): void {
    this.#check("slow()");
    if (typeof octetsPerSecond !== "number" || !(1000 / octetsPerSecond <= LONGEST_TIMER)) {
      throw new RangeError(
        `slow() expected octets per second above 0, got ${
          describe(octetsPerSecond)
        }: pause() lets nothing through`,
      );
    }
    this.#each((wire) => wire.rate = octetsPerSecond);
  }

  split(sizes: number | readonly number[]): void {
    this.#check("split()");
    const list = Array.isArray(sizes) ? [...sizes] : [sizes];
    const isSize = (size: unknown): boolean => Number.isInteger(size) && Number(size) > 0;
    const wrong = list.find((size) => !isSize(size));
    if (!list.every(isSize) || list.length === 0) {
      throw new RangeError(
        `split() expected sizes from 1 octet on, got ${
          list.length === 0 ? "none" : describe(wrong)
        }`,
      );
    }
    this.#each((wire) => wire.split(list));
  }

  delay(milliseconds: number): void {
    this.#check("delay()");
    if (typeof milliseconds !== "number" || !(milliseconds >= 0 && milliseconds <= LONGEST_TIMER)) {
      throw new RangeError(
        `delay() expected milliseconds from 0 to ${LONGEST_TIMER}, got ${
          describe(milliseconds)
        }: halfOpen() delays without end`,
      );
    }
    this.#each((wire) => wire.delay = milliseconds);
  }

  cutAfter(octets: number): void {
    this.#check("cutAfter()");
    if (!(Number.isInteger(octets) && octets >= 0)) {
      throw new RangeError(`cutAfter() expected octets from 0 on, got ${describe(octets)}`);
    }
    let left = octets;
    for (const side of SIDES) {
      this.#ends[side].wire.limit = (count) => {
        const few = Math.min(count, left);
        left -= few;
        // The last of them is read first.
        if (few > 0 && left === 0) this.#ends[side].resetLater(() => this.#reset());
        return few;
      };
    }
    if (octets === 0) this.#reset();
  }

  restore(): void {
    this.#check("restore()");
    this.#paused.clear();
    this.#each((wire) => {
      wire.delay = 0;
      wire.rate = Infinity;
      wire.limit = undefined;
      wire.split([]);
    });
    this.#hold();
  }

  /** The hosts of the link do not reach each other, or do again. */
  partition(apart: boolean): void {
    if (apart === this.#partitioned || !this.open) return;
    this.#partitioned = apart;
    this.#hold();
  }

  #each(act: (wire: MemoryTransport["wire"]) => void): void {
    for (const side of SIDES) {
      act(this.#ends[side].wire);
      this.#ends[side].wire.pass();
    }
  }

  #hold(): void {
    for (const side of SIDES) {
      this.#ends[side].wire.held = this.#partitioned || this.#paused.has(side);
    }
  }

  #reset(): void {
    for (const side of SIDES) this.#ends[side].reset(lost({ code: "ECONNRESET", said: "" }));
  }

  #check(call: string): void {
    if (this.open) return;
    throw new Error(`${call} expected a link whose connection is open, and this one has ended`);
  }
}

function checkSide(side: Side): Side {
  if (SIDES.includes(side)) return side;
  throw new TypeError(`Expected "client" or "server" for the end of a link, got ${describe(side)}`);
}
