// The two styles of a handler, run on one connection with one semantics.
//
// 1. Hooks are called in order, one at a time: a promise that a hook returns is awaited before the
//    next message is given out. `close` comes last, behind the last message and after the hook that
//    was running.
// 2. A function owns its connection: when it returns, the connection is closed with 1000. A
//    function that returns at once without having used its connection is probably a mistake, and is
//    reported once.
// 3. A handler that throws closes its own connection with 1011 and is reported once; a handler that
//    throws the ConnectionClosed of a connection that has ended is not at fault.

import type { Bytes } from "../util/bytes.ts";
import { type Watched, watchUntil } from "../util/clock.ts";
import { CloseCode } from "../protocol/close_frame.ts";
import type { WebSocketConnection } from "./connection.ts";
import type { Message } from "./message.ts";
import type { Endpoint } from "./endpoint.ts";
import { type CloseInfo, ConnectionClosed } from "../protocol/errors.ts";
import type { Dispatcher, DispatcherHooks } from "./dispatcher.ts";
import type { MessageTaker } from "./message_taker.ts";
import { discardRest, type MessageStream, streamOf } from "./message_stream.ts";
import { RESOLVED } from "../util/promises.ts";

// The hooks are properties and not methods, whose parameters TypeScript compares both ways: a
// handler that needs `data` would be accepted where there is no `data`.

/** A handler as one object of hooks, which many connections may share. */
export interface WebSocketHooks<Data = unknown> {
  /** The connection is open. Messages wait until a returned promise has settled. */
  open?: (ws: WebSocketConnection<Data>) => unknown;
  /**
   * A message has come. The next one waits until a returned promise has settled. Without this hook
   * and `stream`, messages wait for `receive()`: up to 16, or 65,536 octets. Until the first call
   * of `receive()`, messages beyond that are discarded and counted in `ws.ignored`. With this hook
   * `receive()` rejects.
   */
  message?: (ws: WebSocketConnection<Data>, data: Message) => unknown;
  /**
   * A message of at least `streamFrom` octets has begun: iterate its chunks. The rest that the hook
   * does not read is dropped; the next message waits until the returned promise has settled.
   * Without this hook such messages go to `message`. Compressed messages always go there, whole.
   * Without a `message` hook all messages come here, except those that a `receive()` waits for.
   */
  stream?: (ws: WebSocketConnection<Data>, message: MessageStream) => unknown;
  /** Messages of so many octets go to `stream`. Default: 65,536. */
  readonly streamFrom?: number;
  /**
   * All that had to wait for the network has left; more may be sent. A returned promise is not
   * awaited.
   */
  drain?: (ws: WebSocketConnection<Data>) => unknown;
  /** A Ping has come; it is answered already. A returned promise is not awaited. */
  ping?: (ws: WebSocketConnection<Data>, payload: Uint8Array<ArrayBuffer>) => unknown;
  /** A Pong has come. A returned promise is not awaited. */
  pong?: (ws: WebSocketConnection<Data>, payload: Uint8Array<ArrayBuffer>) => unknown;
  /** The connection has ended. */
  close?: (ws: WebSocketConnection<Data>, info: CloseInfo) => unknown;
  /**
   * Another hook threw or rejected. The connection is closed with 1011 once this hook has returned,
   * unless the hook closes it itself.
   */
  error?: (ws: WebSocketConnection<Data>, error: unknown) => unknown;
}

/** The hooks of a client's connection, whose messages are for `receive()`. */
export type ConnectHooks = Pick<
  WebSocketHooks<undefined>,
  "drain" | "ping" | "pong" | "close" | "error"
>;

/**
 * A handler as one function for each connection; when it returns the connection is closed with
 * 1000.
 */
export type WebSocketFunction<Data = unknown> = (ws: WebSocketConnection<Data>) => unknown;

/** What a server does with a connection. */
export type WebSocketHandler<Data = unknown> = WebSocketHooks<Data> | WebSocketFunction<Data>;

/** What a handler runs on. */
export interface HandlerScene<Data> {
  /** The connection, which has just opened. */
  readonly connection: WebSocketConnection<Data>;
  /** Its endpoint. */
  readonly endpoint: Endpoint;
  /** Its dispatcher. */
  readonly dispatcher: Dispatcher;
}

/** What a handler reports to: the server or the client that runs it. */
export interface HandlerWatcher {
  /** Called with what a handler without an `error` hook throws. */
  report(error: unknown): void;
  /** The connection has ended and the handler is done. */
  done(): void;
}

const CLAIM =
  "Expected no messages to be asked for on a connection whose handler has a message hook, which gets them all";

/** Runs a handler on a connection that has just opened. */
export function runHandler<Data>(
  handler: WebSocketHandler<Data>,
  scene: HandlerScene<Data>,
  watcher: HandlerWatcher,
): void {
  if (typeof handler === "function") runFunction(handler, scene, watcher);
  else new HookRunner(handler, scene, watcher).start();
}

/** Calls the hooks of a connection on which messages wait for `receive()`. */
export function attendHooks(
  hooks: ConnectHooks,
  scene: HandlerScene<undefined>,
  watcher: HandlerWatcher,
): void {
  new HookCaller(hooks, scene, watcher);
}

const UNUSED =
  "A function that handles a connection returned at once without using it, which closes it with 1000: " +
  "return a promise that lasts as long as the connection, such as ws.closed, or give an object of hooks";

/** Functions that were reported for that. */
const unused = new WeakSet<object>();

/** Whether a function has returned normally, and awaited only microtasks. */
async function isDone(result: unknown): Promise<boolean> {
  if (!isPending(result)) return true;
  let done = false;
  result.then(() => done = true, () => {});
  for (let i = 0; i < 3; i++) await undefined;
  return done;
}

async function runFunction<Data>(
  handler: WebSocketFunction<Data>,
  { connection, endpoint, dispatcher }: HandlerScene<Data>,
  watcher: HandlerWatcher,
): Promise<void> {
  endpoint.start();
  const { clock } = endpoint.transport;
  const done = watchUntil(clock, () => `the function that handles connection ${connection.id}`);
  try {
    const result = handler(connection);
    if (!dispatcher.used && !unused.has(handler) && await isDone(result) && !dispatcher.used) {
      unused.add(handler);
      watcher.report(new Error(UNUSED));
    }
    await result;
    endpoint.close(CloseCode.normal, "");
  } catch (error) {
    fail(endpoint, error, (error) => watcher.report(error));
  }
  done();
  await connection.closed;
  watcher.done();
}

/**
 * Calls the hooks of one connection besides those that take messages, which a client has not. Each
 * connection has such an object, and no closures, since many connections share a handler.
 */
class HookCaller<Data> implements DispatcherHooks, Watched {
  protected readonly hooks: WebSocketHooks<Data>;
  protected readonly ws: WebSocketConnection<Data>;
  protected readonly endpoint: Endpoint;
  readonly #watcher: HandlerWatcher;
  /** The hook that is running, until it is done. */
  protected running: Promise<void> | undefined;

  constructor(
    hooks: WebSocketHooks<Data>,
    { connection, endpoint, dispatcher }: HandlerScene<Data>,
    watcher: HandlerWatcher,
  ) {
    this.hooks = hooks;
    this.ws = connection;
    this.endpoint = endpoint;
    this.#watcher = watcher;
    dispatcher.hooks = this;
    endpoint.transport.clock?.watch?.(this);
  }

  get waits(): string | undefined {
    return this.running && `a hook of connection ${this.ws.id}`;
  }

  get over(): boolean {
    return this.endpoint.finished && this.running === undefined;
  }

  /** Goes on reading. */
  protected proceed(): void {
    this.endpoint.start();
  }

  ping(payload: Bytes): void {
    if (this.hooks.ping !== undefined) this.#tell(() => this.hooks.ping?.(this.ws, payload));
  }

  pong(payload: Bytes): void {
    if (this.hooks.pong !== undefined) this.#tell(() => this.hooks.pong?.(this.ws, payload));
  }

  drain(): void {
    if (this.hooks.drain !== undefined) this.#tell(() => this.hooks.drain?.(this.ws));
  }

  failed(error: unknown): void {
    const report = (error: unknown): void => this.#watcher.report(error);
    fail(this.endpoint, error, (error) => {
      if (this.hooks.error === undefined) return report(error);
      try {
        const result = this.hooks.error(this.ws, error);
        if (isPending(result)) result.then(undefined, report);
      } catch (error) {
        report(error);
      }
    });
  }

  finished(info: CloseInfo, error: Error | undefined): void {
    const { hooks, running } = this;
    if (error !== undefined) this.failed(error);
    if (running !== undefined) {
      running.then(() => this.finished(info, undefined));
    } else if (hooks.close === undefined || this.call(() => hooks.close?.(this.ws, info))) {
      this.#watcher.done();
    } else {
      this.running!.then(() => this.#watcher.done());
    }
  }

  /** Calls a hook; true when it is done. */
  protected call(hook: () => unknown): boolean {
    try {
      const result = hook();
      if (!isPending(result)) return true;
      const failed = (error: unknown): void => this.failed(error);
      this.running = Promise.resolve(result).then(() => {}, failed).then(() => {
        this.running = undefined;
        this.proceed();
      });
      return false;
    } catch (error) {
      this.failed(error);
      return true;
    }
  }

  /** Calls a hook that is not waited for. */
  #tell(hook: () => unknown): void {
    try {
      const result = hook();
      if (isPending(result)) result.then(undefined, (error) => this.failed(error));
    } catch (error) {
      this.failed(error);
    }
  }
}

/** Calls all hooks of one connection. */
class HookRunner<Data> extends HookCaller<Data> implements MessageTaker {
  constructor(
    hooks: WebSocketHooks<Data>,
    scene: HandlerScene<Data>,
    watcher: HandlerWatcher,
  ) {
    super(hooks, scene, watcher);
    this.running = RESOLVED; // until `open` is done
    const { dispatcher } = scene;
    if (!this.#takes) return;
    dispatcher.taker = this;
    if (hooks.stream !== undefined) {
      dispatcher.takerStreamFrom = hooks.message === undefined ? 0 : hooks.streamFrom ?? 65_536;
    }
    dispatcher.aim();
  }

  get #takes(): boolean {
    return this.hooks.message !== undefined || this.hooks.stream !== undefined;
  }

  get claim(): string | undefined {
    return this.hooks.message === undefined ? undefined : CLAIM;
  }

  start(): void {
    const { hooks } = this;
    if (!this.#takes) this.endpoint.inbound.dropsExcess = true;
    if (hooks.open !== undefined && !this.call(() => hooks.open?.(this.ws))) {
      return this.endpoint.start();
    }
    this.running = undefined;
    this.proceed();
  }

  /** Asks for the next message, if it is for a hook. */
  protected override proceed(): void {
    if (this.#takes) this.endpoint.proceed();
    else super.proceed();
  }

  message(data: Message): boolean {
    const { hooks } = this;
    if (hooks.message === undefined) return this.stream(streamOf(data));
    try {
      // The common case without a closure: a hook that is done, or that returned the promise of
      // `send()`.
      const result = hooks.message(this.ws, data);
      return isPending(result) ? this.call(() => result) : true;
    } catch (error) {
      this.failed(error);
      return true;
    }
  }

  stream(message: MessageStream): boolean {
    const { hooks } = this;
    if (hooks.stream === undefined) return true;
    return this.call(async () => {
      try {
        await hooks.stream?.(this.ws, message);
      } finally {
        discardRest(message);
      }
    });
  }

  busy(): boolean {
    return this.running !== undefined;
  }
}

function fail(endpoint: Endpoint, error: unknown, report: (error: unknown) => void): void {
  if (error instanceof ConnectionClosed && !endpoint.open) return;
  report(error);
  endpoint.close(CloseCode.internalError, "");
}

function isPending(result: unknown): result is PromiseLike<unknown> {
  return result !== undefined && result !== RESOLVED && result !== null &&
    typeof (result as { then?: unknown }).then === "function";
}
