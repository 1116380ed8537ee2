// Messages that are JSON. A message that is not JSON is the peer's mistake, and closes the
// connection (RFC 6455 section 7.4.1): with 1003 for a binary message, with 1007 for a text that is
// not JSON. The handler is not at fault, and gets ConnectionClosed as it does for any other end.

import { CloseCode } from "../protocol/close_code.ts";
import type { Message } from "./message.ts";
import { whyNotOpen } from "./why_not_open.ts";
import type { CloseInfo } from "../protocol/errors.ts";
import type { SendOptions } from "../protocol/sendable.ts";

/** What messages that are JSON need of a connection: each connection of this library has it. */
export interface JsonConnection {
  /** Sends a message. */
  send(data: string, options?: SendOptions): Promise<void>;
  /** Takes the next message. */
  receive(options?: { signal?: AbortSignal }): Promise<Message>;
  /** Closes the connection. */
  close(code?: number | null, reason?: string): Promise<CloseInfo>;
}

/**
 * Sends a value as JSON, in a text message.
 *
 * @param ws The connection.
 * @param value A value that JSON can express.
 * @param options See `send()`.
 * @returns The promise of `send()`.
 * @throws {TypeError} When JSON cannot express it: a function or undefined, a cycle, a bigint.
 *
 * @example
 * ```ts
 * import { connect, receiveJson, sendJson, serve } from "@sansocket/ws";
 *
 * await using server = await serve({
 *   port: 0,
 *   websocket: async (ws) => {
 *     for (;;) await sendJson(ws, { got: await receiveJson(ws) });
 *   },
 * });
 * const ws = await connect(server.url);
 * await sendJson(ws, [1, 2]);
 * console.log(await receiveJson(ws)); // { got: [ 1, 2 ] }
 * await ws.close();
 * ```
 */
export function sendJson(
  ws: JsonConnection,
  value: unknown,
  options?: SendOptions,
): Promise<void> {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`Expected a value for JSON, got ${typeof value}`);
  return ws.send(text, options);
}

/**
 * Takes the next message as JSON. A message that is not JSON closes the connection: with 1003 when
 * it is binary, with 1007 when it is malformed.
 *
 * @param ws The connection; not one whose handler has a `message` hook.
 * @param options A signal that ends the wait.
 * @returns The value. It can be anything: check it before you use it. Rejects with
 * {@linkcode ConnectionClosed} when the message is not JSON or the connection has ended, and with
 * the signal's reason when the signal fires first.
 */
export async function receiveJson(
  ws: JsonConnection,
  options?: { signal?: AbortSignal },
): Promise<unknown> {
  return parseJson(ws, await ws.receive(options));
}

/**
 * Reads a message as JSON, in a `message` hook. A message that is not JSON closes the connection,
 * as `receiveJson()` does.
 *
 * @param ws The connection that the message came from.
 * @param data The message.
 * @returns The value. It can be anything: check it before you use it.
 * @throws {ConnectionClosed} When the message is not JSON. The `message` hook need not catch this:
 * the `error` hook is not called for it.
 *
 * @example
 * ```ts
 * import { connect, parseJson, serve } from "@sansocket/ws";
 *
 * await using server = await serve({
 *   port: 0,
 *   websocket: {
 *     message(ws, data) {
 *       const value = parseJson(ws, data);
 *       return ws.send(typeof value);
 *     },
 *   },
 * });
 * const ws = await connect(server.url);
 * await ws.send("{");
 * console.log((await ws.closed).code); // 1007
 * ```
 */
export function parseJson(ws: JsonConnection, data: Message): unknown {
  if (typeof data !== "string") return refuse(ws, CloseCode.unsupportedData, "Expected text");
  try {
    return JSON.parse(data);
  } catch {
    return refuse(ws, CloseCode.invalidData, "Expected JSON");
  }
}

function refuse(ws: JsonConnection, code: number, reason: string): never {
  ws.close(code, reason);
  throw whyNotOpen(ws);
}
