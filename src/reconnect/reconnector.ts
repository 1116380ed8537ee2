// Attempts, waits and the end of a connection that comes back; its public object is
// reconnecting_connection.ts.
//
// 1. One loop makes the attempts, one after another (`#run`). What comes from outside, such as
//    `close()`, `reconnectNow()` or a signal, only ends what the loop waits for.
// 2. State is one value. "open" lasts from the end of `onopen` to the end of the connection.
// 3. Waiting for user code has a bound: for the functions of an attempt `handshakeTimeout`, for
//    `onopen` the life of its connection.

import { abortReason, onAbort, unlessAborted } from "../util/abort.ts";
import { withDefaults } from "../util/check_options.ts";
import { type Timers, watchUntil } from "../util/clock.ts";
import { defer, type Deferred, handled, tell } from "../util/promises.ts";
import { checkStatus, CloseCode } from "../protocol/close_code.ts";
import { type CloseInfo, ConnectionClosed, HandshakeError } from "../protocol/errors.ts";
import type { SendOptions } from "../protocol/sendable.ts";
import type { Message, ReceiveOptions } from "../connection/message.ts";
import { Backoff } from "./backoff.ts";
import type { ClientConnection } from "./client_connection.ts";
import { ended, failedAttempt, failedCall, isDone } from "./failure.ts";
import { type ReconnectFailure, withoutConnection } from "./failure.ts";
import { Inbox } from "./inbox.ts";
import { RECONNECT_DEFAULTS, type ReconnectAttempt } from "./options.ts";
import type { ReconnectSettings } from "./options.ts";
import { type Outgoing, SendQueue } from "./send_queue.ts";

/**
 * The state of a connection that comes back. It is "waiting" between two attempts, and "closing"
 * from `close()` on while a connection is still open.
 */
export type ReconnectState = "connecting" | "open" | "waiting" | "closing" | "closed";

/** What connections come from. */
export interface Opener<Link extends ClientConnection> {
  /** The clock of all waits. */
  readonly clock: Timers;
  /** Milliseconds for the functions of an attempt. */
  readonly handshakeTimeout: number;
  /** The closing handshake may take as many milliseconds, and so may what waits before it. */
  readonly closeTimeout: number;
  /** Whether a 401 may pass, because a function gives each attempt a token of its own. */
  readonly renews: boolean;
  /** Calls the functions of an attempt; the result connects. */
  prepare(attempt: ReconnectAttempt): Promise<(signal: AbortSignal) => Promise<Link>>;
  /** Judges the options of `receive()`; throws what that of a connection throws. */
  checkReceive(options: ReceiveOptions | undefined): void;
  /** Judges a message; throws what `send()` of a connection throws. */
  take(data: unknown, options: SendOptions | undefined): Outgoing;
  /** Calls `mark` with each Ping, and what that returns when the Ping is answered. */
  watchPings?(link: Link, mark: () => () => void): void;
  /** Calls `now` when there may be a network again; the result ends that. */
  watchNetwork?(now: () => void): () => void;
  /** Reports what user code threw that is only told something. */
  report(error: unknown): void;
}

/** What makes connections, one after another. */
export class Reconnector<Link extends ClientConnection> {
  readonly #opener: Opener<Link>;
  readonly #settings: ReconnectSettings<Link> & typeof RECONNECT_DEFAULTS;
  /** What is sent. */
  readonly queue: SendQueue;
  /** What comes. */
  readonly inbox: Inbox;
  readonly #backoff: Backoff;
  /** Settles with the first connection, or with the end before it. */
  readonly opened: Deferred<void> = defer();
  /** How it ended for good. */
  readonly closed: Deferred<CloseInfo> = defer();
  /** Ends the attempt or the wait of now. */
  readonly #over = new AbortController();
  readonly #stopWatching: (() => void)[] = [];
  /** What it does now. */
  state: ReconnectState = "connecting";
  /** The connection of now. */
  link: Link | undefined;
  #attempts = 0;
  #wasConnected = false;
  /** Whether the last failure was a 401. */
  #unauthorized = false;
  #ignoring = false;
  /** Ends the wait of now. */
  #wake: (() => void) | undefined;
  /** How it ended, once it has. */
  info: CloseInfo | undefined;

  /** Begins at once. */
  constructor(
    opener: Opener<Link>,
    settings: ReconnectSettings<Link>,
    signal: AbortSignal | undefined,
  ) {
    this.#opener = opener;
    const all = { ...settings, ...withDefaults(settings, RECONNECT_DEFAULTS) };
    this.#settings = all;
    this.inbox = new Inbox(opener.clock);
    this.queue = new SendQueue(all, opener.clock);
    this.#backoff = new Backoff(all, opener.clock);
    if (signal !== undefined) {
      const stop = onAbort(signal, () => this.#abandon(abortReason(signal)));
      this.#stopWatching.push(stop);
      this.opened.promise.then(stop, stop);
    }
    const stop = opener.watchNetwork?.(() => this.reconnectNow());
    if (stop !== undefined) this.#stopWatching.push(stop);
    this.#run();
  }

  /** Takes the next message; see the public object. */
  receive(options: ReceiveOptions | undefined): Promise<Message | undefined> {
    this.#opener.checkReceive(options);
    return this.inbox.receive(options);
  }

  /** Sends a message; see the public object. */
  send(data: unknown, options: SendOptions | undefined): Promise<void> {
    const message = this.#opener.take(data, options);
    if (message.size === undefined && this.#settings.resend) {
      throw new TypeError("Expected a message that can be kept, as resend asks for, got chunks");
    }
    return this.queue.send(message);
  }

  /** Discards all messages from now on. */
  ignoreMessages(): void {
    this.#ignoring = true;
    this.inbox.end(new TypeError("No messages are given out after ignoreMessages()"));
    this.link?.ignoreMessages();
  }

  /** Ends a wait between two attempts. */
  reconnectNow(): void {
    this.#wake?.();
  }

  /** Closes it; see the public object. */
  close(code: number | null, reason: string): Promise<CloseInfo> {
    checkStatus(code ?? undefined, reason);
    const link = this.link;
    if (this.state === "closing" || this.state === "closed") return this.closed.promise;
    if (link === undefined) {
      this.#finish(withoutConnection(undefined, true));
      return this.closed.promise;
    }
    const wasOpen = this.state === "open";
    this.state = "closing";
    if (!wasOpen || this.queue.empty) {
      link.close(code, reason);
      return this.closed.promise;
    }
    const { clock, closeTimeout } = this.#opener;
    const close = (): void => {
      clock.clearTimer(timer);
      this.queue.onEmpty = undefined;
      link.close(code, reason);
    };
    const timer = clock.setTimer(close, closeTimeout, "messages to leave before the close");
    this.queue.onEmpty = close;
    link.closed.then(close);
    return this.closed.promise;
  }

  /** Ends it now. */
  terminate(): void {
    if (this.state !== "closed") this.state = "closing";
    if (this.link === undefined) this.#finish(withoutConnection(undefined, true));
    else this.link.terminate();
  }

  /** The signal has fired before the first connection. */
  #abandon(reason: unknown): void {
    this.link?.terminate();
    this.#finish(withoutConnection(reason, true), reason);
  }

  async #run(): Promise<void> {
    let failure: ReconnectFailure | undefined;
    do {
      const attempt = ++this.#attempts;
      const wasConnected = this.#wasConnected;
      this.state = "connecting";
      failure = await this.#attempt({ attempt, wasConnected, failure });
      this.link = undefined;
      if (this.info !== undefined) return;
    } while (await this.#goesOn(failure));
    // It may have been closed while it waited.
    if (this.info !== undefined) return;
    const { info, error } = failure;
    this.#finish(info ?? withoutConnection(error, false), error);
  }

  /** Makes one attempt, and stays until its connection has ended. */
  async #attempt(attempt: ReconnectAttempt): Promise<ReconnectFailure> {
    const number = attempt.attempt;
    const { onattempt, onopen } = this.#settings;
    this.#tell(onattempt, attempt);
    const { signal } = this.#over;
    if (signal.aborted) return failedCall(number, abortReason(signal));
    let open: (signal: AbortSignal) => Promise<Link>;
    try {
      open = await this.#prepare(attempt);
    } catch (error) {
      return failedCall(number, error);
    }
    let link: Link;
    try {
      link = await open(signal);
      if (signal.aborted) {
        link.terminate();
        throw abortReason(signal);
      }
    } catch (error) {
      const failure = failedAttempt(number, error, this.#opener.renews && !this.#unauthorized);
      this.#unauthorized = failure.status === 401;
      return failure;
    }
    this.#unauthorized = false;
    this.link = link;
    this.#opener.watchPings?.(link, () => this.queue.mark(link));
    if (this.#ignoring) link.ignoreMessages();
    if (onopen !== undefined) {
      const failed = await this.#runOnopen(onopen, link, attempt);
      if (failed !== undefined) return failed;
    }
    return await this.#stay(link, number);
  }

  /** Calls the functions of an attempt. */
  async #prepare(attempt: ReconnectAttempt): ReturnType<Opener<Link>["prepare"]> {
    const { clock, handshakeTimeout } = this.#opener;
    const controller = new AbortController();
    const stop = onAbort(this.#over.signal, () => controller.abort());
    const timer = clock.setTimer(
      () =>
        controller.abort(
          new HandshakeError(`The functions of an attempt took more than ${handshakeTimeout} ms`, {
            code: "ETIMEDOUT",
          }),
        ),
      handshakeTimeout,
      "the functions of an attempt of reconnect()",
    );
    try {
      return await unlessAborted(this.#opener.prepare(attempt), controller.signal);
    } finally {
      clock.clearTimer(timer);
      stop();
    }
  }

  /** Runs `onopen`; returns why the attempt has failed, if it has. */
  async #runOnopen(
    onopen: NonNullable<ReconnectSettings<Link>["onopen"]>,
    link: Link,
    attempt: ReconnectAttempt,
  ): Promise<ReconnectFailure | undefined> {
    const done = watchUntil(this.#opener.clock, () => "onopen of reconnect()");
    const lost = link.closed.then((info) => info);
    try {
      const result = (async () => void await onopen(link, attempt))();
      const info = await Promise.race([result, lost]);
      if (info === undefined) return undefined;
      handled(result);
      await this.inbox.lost(link);
      return ended(attempt.attempt, info);
    } catch (error) {
      // A connection that ended is why it failed.
      if (error instanceof ConnectionClosed && link.state !== "open") {
        return ended(attempt.attempt, await lost);
      }
      if (this.#settings.onwait === undefined) this.#opener.report(error);
      link.close(CloseCode.internalError);
      await lost;
      return failedCall(attempt.attempt, error);
    } finally {
      done();
    }
  }

  /** Uses a connection until it has ended. */
  async #stay(link: Link, attempt: number): Promise<ReconnectFailure> {
    const { clock } = this.#opener;
    const since = clock.now();
    if (this.state === "connecting") this.state = "open";
    this.#wasConnected = true;
    this.inbox.opened(link);
    this.queue.opened(link);
    this.opened.resolve();
    const info = await link.closed;
    if (this.#backoff.lasted(clock.now() - since)) this.#attempts = 0;
    this.queue.lost(info);
    await this.inbox.lost(link);
    return ended(attempt, info);
  }

  /** Decides whether there is another attempt, and waits for it. */
  async #goesOn(failure: ReconnectFailure): Promise<boolean> {
    if (this.state === "closing") return false;
    this.state = "waiting";
    if (!await this.#retries(failure) || this.info !== undefined) return false;
    if (this.#attempts >= this.#settings.maxAttempts) return false;
    const delay = this.#backoff.next(failure);
    const { clock } = this.#opener;
    await new Promise<void>((resolve) => {
      const timer = clock.setTimer(resolve, delay, "the next attempt of reconnect()");
      this.#wake = () => {
        clock.clearTimer(timer);
        resolve();
      };
      this.#tell(this.#settings.onwait, { delay, failure });
    });
    this.#wake = undefined;
    return this.info === undefined;
  }

  async #retries(failure: ReconnectFailure): Promise<boolean> {
    // What is done is no failure.
    if (failure.info !== undefined && isDone(failure.info)) return false;
    try {
      return await this.#settings.retry?.(failure) ?? !failure.fatal;
    } catch (error) {
      this.#opener.report(error);
      return !failure.fatal;
    }
  }

  /** Calls a function that is only told something. */
  #tell<Value>(hook: ((value: Value) => unknown) | undefined, value: Value): void {
    if (hook !== undefined) tell(hook, value, (error) => this.#opener.report(error));
  }

  /** It is over. */
  #finish(info: CloseInfo, error?: unknown): void {
    if (this.info !== undefined) return;
    this.info = info;
    this.state = "closed";
    this.link = undefined;
    for (const stop of this.#stopWatching) stop();
    this.#over.abort();
    this.#wake?.();
    const closed = new ConnectionClosed(info);
    this.queue.end(info);
    this.inbox.end(closed);
    this.closed.resolve(info);
    this.opened.reject((error ?? closed) as Error);
  }
}
