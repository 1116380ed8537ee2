// The connections of one server, and how they end: serve(), attach() and adopt() stop in the same
// way.
//
// 1. A connection that has ended is released at once, though its handler may run on. Only a count
//    of those still at work is kept, for close(). So a handler that never settles holds nothing
//    that the application does not hold.
// 2. `timeout` bounds the whole of close(), which does not wait for a handler that is not done by
//    then. But each connection that was cut has had its `close` hook called, because the process
//    may end next.

import { CloseCode, encodeCloseBody } from "../protocol/close_frame.ts";
import { LONGEST_TIMER } from "../util/clock.ts";
import {
  checkOptions,
  milliseconds,
  number,
  type OptionTable,
  text,
  unjudged,
} from "../util/check_options.ts";
import type { ServerContext } from "./context.ts";

/** How a server stops. */
export interface ServerCloseOptions {
  /** The close code; 1012 says that the server comes back. Default: 1001. */
  readonly code?: number;
  /** The reason, at most 123 octets of UTF-8. Default: "". */
  readonly reason?: string;
  /**
   * Milliseconds from the last close after which the server cuts what has not ended, and waits for
   * no handler any more. It cuts a WebSocket after `closeTimeout` in any case. Default: that of
   * `closeTimeout`.
   */
  readonly timeout?: number;
  /**
   * Milliseconds over which the closes are spread, so that clients do not come back all at once.
   * Default: 0.
   */
  readonly spread?: number;
}

/** What each of these may be; `code` is judged by what goes into a Close frame. */
export const CLOSE_OPTIONS: OptionTable<ServerCloseOptions> = {
  code: unjudged("a close code"),
  reason: text,
  timeout: milliseconds,
  spread: number("milliseconds", { least: 0, most: LONGEST_TIMER, parts: true }),
};

/** One connection before it has become a WebSocket, if it does. */
export interface Session {
  /** Whether a request is being answered. */
  readonly answering: boolean;
  /** Cuts it. */
  destroy(): void;
}

/** The connections of one server. */
export class Shutdown {
  readonly #context: ServerContext;
  readonly #open = new Set<Session>();
  #closed: Promise<void> | undefined;

  /** Starts without connections. */
  constructor(context: ServerContext) {
    this.#context = context;
  }

  /** Adds a connection. */
  add(session: Session): void {
    this.#open.add(session);
    this.#context.atWork.enter();
  }

  /** Puts another session in the place of one. */
  replace(session: Session, next: Session): void {
    this.#open.delete(session);
    this.#open.add(next);
  }

  /**
   * Removes one that has ended, or that has become a WebSocket connection, which is counted by
   * itself.
   */
  leave(session: Session): void {
    if (this.#open.delete(session)) this.#context.atWork.leave();
  }

  /**
   * Ends them all; see `Server.close()`.
   *
   * @param stop Stops the listener, once the closes have been sent.
   */
  close(
    options: ServerCloseOptions = {},
    stop: () => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    if (this.#closed !== undefined) return this.#closed;
    try {
      checkOptions("close()", options, CLOSE_OPTIONS);
      encodeCloseBody(options.code ?? CloseCode.goingAway, options.reason ?? "");
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#closed = this.#close(options, stop);
  }

  async #close(options: ServerCloseOptions, stop: () => Promise<void>): Promise<void> {
    const { code = CloseCode.goingAway, reason = "", spread = 0 } = options;
    const timeout = Math.min(options.timeout ?? this.#context.closeTimeout, LONGEST_TIMER);
    this.#context.closing = true;
    this.#dropIdle();
    const closing = this.#closeConnections(code, reason, spread);
    // While closes are spread, new clients get 503 and are asked to come back later.
    if (spread > 0) await closing;
    const stopped = stop();
    this.#dropIdle();
    const { clock } = this.#context;
    let timer: unknown;
    const late = new Promise<"late">((resolve) => {
      timer = clock.setTimer(
        () => resolve("late"),
        timeout,
        "the end of all connections of a server",
      );
    });
    const empty = this.#context.atWork.whenEmpty();
    const outcome = await Promise.race([Promise.all([stopped, empty]), late]);
    clock.clearTimer(timer);
    if (outcome === "late") await this.#cut();
  }

  /** Cuts what is left, and lets its hooks be called. */
  async #cut(): Promise<void> {
    const connections = [...this.#context.connections, ...this.#context.draining];
    for (const session of this.#open) session.destroy();
    for (const connection of connections) connection.terminate();
    await Promise.all(connections.map(({ closed }) => closed));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  /**
   * Drops connections that wait for a request, or have been answered for the last time: they have
   * nothing to finish.
   */
  #dropIdle(): void {
    for (const session of this.#open) {
      if (!session.answering) session.destroy();
    }
  }

  async #closeConnections(code: number, reason: string, spread: number): Promise<void> {
    const open = this.#context.connections;
    const connections = [...open];
    const { clock } = this.#context;
    const started = clock.now();
    let next = 0;
    while (next < connections.length && open.size > 0) {
      const part = spread === 0 ? 1 : (clock.now() - started) / spread;
      const due = Math.min(connections.length, Math.ceil(connections.length * part));
      for (; next < due; next++) connections[next]!.close(code, reason);
      if (next < connections.length) {
        await new Promise<void>((resolve) => {
          clock.setTimer(resolve, Math.min(20, spread), "the spread of a shutdown");
        });
      }
    }
  }
}
