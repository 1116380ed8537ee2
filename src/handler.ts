// The two styles of a handler, run on one connection with one semantics.
//
// 1. Hooks are called in order, one at a time: a promise that a hook returns is awaited before the next message is
//    parsed. `close` comes last, after whatever hook was running.
// 2. A function owns its connection: returning closes it with 1000.
// 3. A handler that throws closes its own connection with 1011 and is reported once; one that was only told
//    that its connection has ended (ConnectionClosed) is not at fault.

import { CloseCode } from "./close.ts";
import type { Message, WebSocketConnection } from "./connection.ts";
import { type Endpoint, RESOLVED } from "./endpoint.ts";
import { type CloseInfo, ConnectionClosed } from "./errors.ts";
import type { Inbox } from "./inbox.ts";
import type { MessageStream } from "./message_stream.ts";

/** A handler as one object of hooks, which many connections may share. */
export interface WebSocketHooks<Data = unknown> {
  /** The connection is open. Messages wait until a returned promise has settled. */
  open?(ws: WebSocketConnection<Data>): unknown;
  /** A message has come. The next one waits until a returned promise has settled. */
  message?(ws: WebSocketConnection<Data>, data: Message): unknown;
  /**
   * A message of at least `streamFrom` octets has begun: iterate its chunks. What the hook leaves of it is dropped; the
   * next message waits until the returned promise has settled. Without this hook such messages go to `message`.
   * Compressed messages always go there, whole.
   */
  stream?(ws: WebSocketConnection<Data>, message: MessageStream): unknown;
  /** Messages of so many octets go to `stream`. 65,536 unless told. */
  readonly streamFrom?: number;
  /** All that had to wait for the network has left; more may be sent. Not waited for. */
  drain?(ws: WebSocketConnection<Data>): unknown;
  /** A Ping has come; it is answered already. Not waited for. */
  ping?(ws: WebSocketConnection<Data>, payload: Uint8Array<ArrayBuffer>): unknown;
  /** A Pong has come. Not waited for. */
  pong?(ws: WebSocketConnection<Data>, payload: Uint8Array<ArrayBuffer>): unknown;
  /** The connection has ended. */
  close?(ws: WebSocketConnection<Data>, info: CloseInfo): unknown;
  /** Another hook threw or rejected; the connection is being closed with 1011. */
  error?(ws: WebSocketConnection<Data>, error: unknown): unknown;
}

/** A handler as one function for each connection; when it returns the connection is closed with 1000. */
export type WebSocketFunction<Data = unknown> = (ws: WebSocketConnection<Data>) => unknown;

/** What a server does with a connection. */
export type WebSocketHandler<Data = unknown> = WebSocketHooks<Data> | WebSocketFunction<Data>;

/**
 * Runs a handler on a connection that has just opened.
 *
 * @param report Told what a handler without an `error` hook throws.
 * @returns A promise that resolves when the connection has ended and the handler is done.
 */
export function runHandler<Data>(
  handler: WebSocketHandler<Data>,
  ws: WebSocketConnection<Data>,
  endpoint: Endpoint,
  inbox: Inbox,
  report: (error: unknown) => void,
): Promise<void> {
  return typeof handler === "function"
    ? runFunction(handler, ws, endpoint, report)
    : runHooks(handler, ws, endpoint, inbox, report);
}

async function runFunction<Data>(
  handler: WebSocketFunction<Data>,
  ws: WebSocketConnection<Data>,
  endpoint: Endpoint,
  report: (error: unknown) => void,
): Promise<void> {
  endpoint.start();
  try {
    await handler(ws);
    endpoint.close(CloseCode.normal, "");
  } catch (error) {
    fail(endpoint, error, report);
  }
  await ws.closed;
}

function runHooks<Data>(
  hooks: WebSocketHooks<Data>,
  ws: WebSocketConnection<Data>,
  endpoint: Endpoint,
  inbox: Inbox,
  report: (error: unknown) => void,
): Promise<void> {
  /** The hook that is running, when it is not done. */
  let running: Promise<void> | undefined;

  const failed = (error: unknown): void =>
    fail(endpoint, error, (error) => {
      if (hooks.error === undefined) return report(error);
      try {
        const result = hooks.error(ws, error);
        if (isPending(result)) result.then(undefined, report);
      } catch (error) {
        report(error);
      }
    });

  /** Calls a hook; true when it is done. */
  const call = (hook: () => unknown): boolean => {
    try {
      const result = hook();
      if (!isPending(result)) return true;
      running = Promise.resolve(result).then(() => {}, failed).then(() => {
        running = undefined;
        endpoint.proceed();
      });
      return false;
    } catch (error) {
      failed(error);
      return true;
    }
  };

  inbox.hooks = {
    message(data) {
      if (hooks.message === undefined) return true;
      try {
        // The common case without a closure: a hook that is done, or that returned what `send()` did.
        const result = hooks.message(ws, data);
        return isPending(result) ? call(() => result) : true;
      } catch (error) {
        failed(error);
        return true;
      }
    },
    stream(message) {
      if (hooks.stream === undefined) return true;
      return call(async () => {
        try {
          await hooks.stream?.(ws, message);
        } finally {
          message.discard();
        }
      });
    },
    busy: () => running !== undefined,
  };
  // Most handlers want none of these, and the others are told without being waited for.
  const tell = (hook: () => unknown): void => {
    try {
      const result = hook();
      if (isPending(result)) result.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  };
  if (hooks.ping) inbox.hooks.ping = (payload) => tell(() => hooks.ping?.(ws, payload));
  if (hooks.pong) inbox.hooks.pong = (payload) => tell(() => hooks.pong?.(ws, payload));
  if (hooks.drain) inbox.hooks.drain = () => tell(() => hooks.drain?.(ws));
  if (hooks.stream) endpoint.streamFrom = hooks.streamFrom ?? 65_536;
  const done = inbox.whenClosed.then(async (info) => {
    await running;
    if (hooks.close === undefined) return;
    call(() => hooks.close?.(ws, info));
    await running;
  });
  if (hooks.open === undefined || call(() => hooks.open?.(ws))) endpoint.proceed();
  else endpoint.start();
  return done;
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
