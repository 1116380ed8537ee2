// Matchers for either end of a connection.
//
// 1. They take messages with `receive()`, so only one of the program and the test may take them: a
//    matcher on a connection that has another reader says so. Matchers that wait at once get the
//    messages in the order of the calls.
// 2. They know the messages, not the frames: what came is shown as the frame that it would be.

import { dispatcherOf, WebSocketConnection } from "../connection/connection.ts";
import type { Dispatcher } from "../connection/dispatcher.ts";
import { type CloseInfo, ConnectionClosed } from "../protocol/errors.ts";
import type { BinaryData, Bytes } from "../util/bytes.ts";
import {
  checkOptions,
  describe,
  number,
  type OptionTable,
  text as textRule,
} from "../util/check_options.ts";
import {
  AssertionError,
  endLine,
  jsonDiffers,
  messageLine,
  octetsDiffer,
  octetsOf,
} from "./assertion.ts";
import { startTimeout, type WaitOptions } from "./timeout.ts";

/** How a connection is expected to end. */
export interface ExpectedClose {
  /** The close code, as in {@linkcode CloseInfo}. Default: any. */
  readonly code?: number;
  /** The reason. Default: any. */
  readonly reason?: string;
}

/** What came for a matcher. */
type Came =
  | { readonly message: string | Bytes }
  | { readonly end: ConnectionClosed }
  /** Nothing, with the words for how long that was waited for. */
  | { readonly late: string; readonly stoodStill: boolean };

/** The matchers that wait for a message of each connection. */
const waiting = new WeakMap<Dispatcher, number>();

/**
 * Expects the next message to be this one.
 *
 * It resolves as soon as the message is there: with a clock of {@linkcode createClock} nothing need
 * be advanced for what is under way. It takes the message, as `receive()` does.
 *
 * @param ws Either end of a connection whose messages nothing else takes.
 * @param message A string for a text message, bytes for a binary one.
 * @param options How long to wait.
 * @returns A promise that resolves when the message has come. Rejects with an
 * {@linkcode AssertionError} when another one comes, the connection ends, or nothing comes in time;
 * with a TypeError when a hook, an iteration or a `receive()` takes the messages.
 *
 * @example
 * ```ts
 * import { expectMessage, pair } from "@sansocket/ws/testing";
 *
 * const { client, server } = await pair();
 * await server.send("hello");
 * await expectMessage(client, "hello");
 * await client.close();
 * ```
 */
export async function expectMessage(
  ws: WebSocketConnection,
  message: string | BinaryData,
  options: WaitOptions = {},
): Promise<void> {
  const expected = typeof message === "string" ? message : octetsOf(message);
  const came = await next("expectMessage()", ws, options);
  const line = messageLine(expected);
  const got = "message" in came ? came.message : undefined;
  if (got === undefined) {
    throw new AssertionError(`Expected ${line}, got ${show(came)}`, got, expected);
  }
  if (got === expected) return;
  const both = `Expected ${line}, got ${show(came)}`;
  if (typeof got !== typeof expected) throw new AssertionError(both, got, expected);
  const where = octetsDiffer(octetsOf(got), octetsOf(expected));
  if (where !== undefined) throw new AssertionError(`${both}; ${where}`, got, expected);
}

/**
 * Expects the next message to be this JSON.
 *
 * @param ws Either end of a connection whose messages nothing else takes.
 * @param value The value, as `sendJson()` would send it. Only the order of keys may differ.
 * @param options How long to wait.
 * @returns A promise that resolves when the message has come. Rejects with an
 * {@linkcode AssertionError} that says where the values differ, and as
 * {@linkcode expectMessage} does.
 * @throws {TypeError} When JSON cannot express the value; the promise rejects with it.
 *
 * @example
 * ```ts
 * import { sendJson } from "@sansocket/ws";
 * import { expectJson, pair } from "@sansocket/ws/testing";
 *
 * const { client, server } = await pair();
 * await sendJson(server, { type: "welcome", users: 2 });
 * await expectJson(client, { users: 2, type: "welcome" });
 * await client.close();
 * ```
 */
export async function expectJson(
  ws: WebSocketConnection,
  value: unknown,
  options: WaitOptions = {},
): Promise<void> {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`Expected a value for JSON, got ${typeof value}`);
  const expected: unknown = JSON.parse(text);
  const came = await next("expectJson()", ws, options);
  const fail = (actual: unknown, what: string): AssertionError =>
    new AssertionError(`Expected ${messageLine(text)}, got ${show(came)}${what}`, actual, expected);
  if (!("message" in came)) throw fail(undefined, "");
  if (typeof came.message !== "string") throw fail(came.message, ", a binary message");
  let actual: unknown;
  try {
    actual = JSON.parse(came.message);
  } catch {
    throw fail(came.message, ", which is not JSON");
  }
  const where = jsonDiffers(actual, expected);
  if (where !== undefined) throw fail(actual, `; ${where}`);
}

/**
 * Expects no message for a while, and the connection to stay open. Pings and Pongs are no messages.
 *
 * With a clock of {@linkcode createClock} the test lets the time pass:
 * `const nothing = expectNothing(ws, { timeout: 50 }); await clock.advance(50); await nothing;`
 *
 * @param ws Either end of a connection whose messages nothing else takes.
 * @param options How long.
 * @returns A promise that resolves when the time has passed. Rejects with an
 * {@linkcode AssertionError} when a message comes or the connection ends, and as
 * {@linkcode expectMessage} does.
 *
 * @example
 * ```ts
 * import { createClock, expectNothing, pair } from "@sansocket/ws/testing";
 *
 * const clock = createClock();
 * const { client } = await pair({ clock });
 * const nothing = expectNothing(client, { timeout: 50 });
 * await clock.advance(50);
 * await nothing;
 * await client.close();
 * ```
 */
export async function expectNothing(
  ws: WebSocketConnection,
  options: WaitOptions = {},
): Promise<void> {
  const came = await next("expectNothing()", ws, options);
  if ("late" in came && !came.stoodStill) return;
  const actual = "message" in came ? came.message : undefined;
  throw new AssertionError(`Expected no message, got ${show(came)}`, actual, undefined);
}

/**
 * Expects the connection to end, by either end. Messages that come before are left where they are.
 *
 * @param ws Either end of a connection.
 * @param expected The close code and the reason. Default: any.
 * @param options How long to wait.
 * @returns How it ended. Rejects with an {@linkcode AssertionError} when it ends otherwise, or not
 * in time: then with the messages that came instead, unless something else takes them.
 *
 * @example
 * ```ts
 * import { expectClose, pair } from "@sansocket/ws/testing";
 *
 * const { client, server } = await pair();
 * server.close(4000, "too many");
 * await expectClose(client, { code: 4000, reason: "too many" });
 * ```
 */
export async function expectClose(
  ws: WebSocketConnection,
  expected: ExpectedClose = {},
  options: WaitOptions = {},
): Promise<CloseInfo> {
  checkOptions("expectClose()", expected, EXPECTED_CLOSE);
  const dispatcher = connectionOf("expectClose()", ws);
  const wait = startTimeout("expectClose()", options, dispatcher.endpoint.transport.clock);
  const came = await Promise.race([ws.closed, wait.late]);
  wait.stop();
  const line = describeClose(expected);
  if (typeof came === "string") {
    const instead = await waitingMessages(dispatcher);
    const got = instead.length === 0
      ? `nothing ${came}`
      : `${instead.join(", ")}, and no end ${came}`;
    throw new AssertionError(`Expected ${line}, got ${got}`, undefined, expected);
  }
  const { code = came.code, reason = came.reason } = expected;
  if (came.code === code && came.reason === reason) return came;
  const actual = { code: came.code, reason: came.reason };
  const got = endLine(came, new ConnectionClosed(came).message);
  throw new AssertionError(`Expected ${line}, got ${got}`, actual, { code, reason });
}

const EXPECTED_CLOSE: OptionTable<ExpectedClose> = {
  code: number("", { least: 1000, most: 4999 }),
  reason: textRule,
};

/** What is expected, close to a line of a trace. */
export function describeClose({ code, reason }: ExpectedClose): string {
  if (code === undefined && reason === undefined) return "the end of the connection";
  const words = [`CLOSE ${code ?? "with any code"}`];
  if (reason !== undefined) words.push(JSON.stringify(reason));
  return words.join(" ");
}

function connectionOf(call: string, ws: unknown): Dispatcher {
  if (ws instanceof WebSocketConnection) return dispatcherOf(ws);
  throw new TypeError(`${call} expected a WebSocketConnection, got ${describe(ws)}`);
}

/** What comes next: a message, the end, or nothing in time. */
async function next(call: string, ws: WebSocketConnection, options: WaitOptions): Promise<Came> {
  const dispatcher = connectionOf(call, ws);
  const others = (dispatcher.receiving ?? 0) - (waiting.get(dispatcher) ?? 0);
  const reader = dispatcher.taker?.claim !== undefined
    ? "a message hook or ignoreMessages()"
    : others > 0
    ? "a receive() or an iteration that waits"
    : undefined;
  if (reader !== undefined) {
    throw new TypeError(
      `${call} expected a connection whose messages nothing else takes, got one with ${reader}: ` +
        "look at the other end, or at what the program does with the message",
    );
  }
  const wait = startTimeout(call, options, dispatcher.endpoint.transport.clock);
  const giveUp = new AbortController();
  let late = "";
  wait.late.then((words) => {
    late = words;
    giveUp.abort();
  });
  const { signal } = giveUp;
  waiting.set(dispatcher, (waiting.get(dispatcher) ?? 0) + 1);
  try {
    return { message: await ws.receive({ signal }) as string | Bytes };
  } catch (error) {
    if (error instanceof ConnectionClosed) return { end: error };
    if (signal.aborted) return { late, stoodStill: wait.stoodStill };
    throw error;
  } finally {
    waiting.set(dispatcher, (waiting.get(dispatcher) ?? 1) - 1);
    wait.stop();
  }
}

function show(came: Came): string {
  if ("message" in came) return messageLine(came.message);
  if ("late" in came) return `nothing ${came.late}`;
  const { end } = came;
  return endLine(end.info, `the end: ${end.message}`);
}

/** The messages that wait, as lines; none where something else takes them. */
async function waitingMessages(dispatcher: Dispatcher): Promise<string[]> {
  const lines: string[] = [];
  while (lines.length < 16 && !dispatcher.receiving) {
    const now = new AbortController();
    const message = dispatcher.receive(now.signal).catch(() => undefined);
    now.abort();
    const got = await message;
    if (got === undefined) break;
    lines.push(messageLine(got));
  }
  return lines;
}
