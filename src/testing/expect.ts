// Matchers for either end of a connection.
//
// 1. They take messages with `receive()`, so only one of the program and the test may take them: a
//    matcher on a connection that has another reader says so. An iteration is one from its first
//    `next()` to its end, also while its body works. Matchers that wait at once get the messages in
//    the order of the calls.
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
import { isSmall } from "./bounded.ts";
import { startTimeout, type WaitOptions } from "./timeout.ts";

/** How a connection is expected to end. */
export interface ExpectedClose {
  /** The close code, as in {@linkcode CloseInfo}. Default: any. */
  readonly code?: number | undefined;
  /** The reason. Default: any. */
  readonly reason?: string | undefined;
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
 * with a TypeError when a hook, an iteration or a `receive()` takes the messages, or an iteration
 * begins meanwhile.
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
  const text = toJson(value);
  const expected: unknown = JSON.parse(text);
  const came = await next("expectJson()", ws, options);
  const held = isSmall(text) ? expected : text;
  const line = `Expected ${messageLine(text)}, got ${show(came)}`;
  if (!("message" in came)) throw new AssertionError(line, undefined, held);
  const { message } = came;
  if (typeof message !== "string") {
    throw new AssertionError(`${line}, a binary message`, message, held);
  }
  let actual: unknown;
  try {
    actual = JSON.parse(message);
  } catch (error) {
    const why = (error as Error).name === "SyntaxError"
      ? "not JSON"
      : "nested too deep to be parsed";
    throw new AssertionError(`${line}, which is ${why}`, message, held);
  }
  const where = jsonDiffers(actual, expected);
  if (where === undefined) return;
  const { place, got, wanted } = where;
  const said = `${line}; they differ at ${place}: expected ${wanted}, got ${got}`;
  if (isSmall(text) && isSmall(message)) throw new AssertionError(said, actual, expected);
  throw new AssertionError(said, { [place]: got }, { [place]: wanted });
}

/** The value as `sendJson()` sends it. */
function toJson(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    if ((error as Error).name !== "RangeError") throw error;
    throw new TypeError(
      "Expected a value for JSON, got one that is nested too deep for JSON.stringify(): " +
        "take the message with receive(), and compare a part of it",
    );
  }
  if (text === undefined) throw new TypeError(`Expected a value for JSON, got ${typeof value}`);
  return text;
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
 * Expects the connection to end next, by either end. A message that comes first, or that already
 * waits, is what came instead: take each one before. Where a hook, an iteration or a `receive()`
 * takes the messages, they pass.
 *
 * @param ws Either end of a connection.
 * @param expected The close code and the reason. Default: any.
 * @param options How long to wait.
 * @returns How it ended. Rejects with an {@linkcode AssertionError} when it ends otherwise, or not
 * in time, or a message comes first, which is taken.
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
  const reader = readerOf(dispatcher);
  const line = describeClose(expected);
  const fail = (got: string, actual?: string | Bytes): AssertionError =>
    new AssertionError(`Expected ${line}, got ${got}`, actual, expected);
  if (reader === undefined) {
    const next = await take("expectClose()", ws, dispatcher, options);
    if ("late" in next) throw fail(show(next));
    if ("message" in next) {
      throw fail(
        `${show(next)}, which nothing has taken: take each message before expectClose()`,
        next.message,
      );
    }
  }
  const wait = startTimeout("expectClose()", options, dispatcher.endpoint.transport.clock);
  const came = await Promise.race([ws.closed, wait.late]);
  wait.stop();
  if (typeof came === "string") throw fail(`no end ${came}; the messages go to ${reader}`);
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

/** What else takes the messages, if something does. */
function readerOf(dispatcher: Dispatcher): string | undefined {
  if (dispatcher.taker?.claim !== undefined) return "a message hook or ignoreMessages()";
  if (dispatcher.iterating > 0) return "an iteration";
  const others = (dispatcher.receiving ?? 0) - (waiting.get(dispatcher) ?? 0);
  return others > 0 ? "a receive() that waits" : undefined;
}

function otherReader(call: string, reader: string): TypeError {
  return new TypeError(
    `${call} expected a connection whose messages nothing else takes, got one with ${reader}: ` +
      "look at the other end, or at what the program does with the message",
  );
}

/** What comes next where nothing else takes the messages. */
async function next(call: string, ws: WebSocketConnection, options: WaitOptions): Promise<Came> {
  const dispatcher = connectionOf(call, ws);
  const reader = readerOf(dispatcher);
  if (reader !== undefined) throw otherReader(call, reader);
  return await take(call, ws, dispatcher, options);
}

/** Takes what comes next: a message, the end, or nothing in time. */
async function take(
  call: string,
  ws: WebSocketConnection,
  dispatcher: Dispatcher,
  options: WaitOptions,
): Promise<Came> {
  const wait = startTimeout(call, options, dispatcher.endpoint.transport.clock);
  const giveUp = new AbortController();
  let late = "";
  wait.late.then((words) => {
    late = words;
    giveUp.abort();
  });
  let iterated = false;
  // Its place in the queue is free before the iteration asks for a message, which then gets it.
  const unwatch = dispatcher.watchIterations(() => {
    iterated = true;
    giveUp.abort();
  });
  const { signal } = giveUp;
  waiting.set(dispatcher, (waiting.get(dispatcher) ?? 0) + 1);
  try {
    return { message: await ws.receive({ signal }) as string | Bytes };
  } catch (error) {
    if (error instanceof ConnectionClosed) return { end: error };
    if (iterated) throw otherReader(call, "an iteration");
    if (signal.aborted) return { late, stoodStill: wait.stoodStill };
    // A compressed message was not valid, which has ended the connection.
    const { info } = dispatcher.endpoint;
    if (info === undefined) throw error;
    return { end: new ConnectionClosed(info) };
  } finally {
    waiting.set(dispatcher, (waiting.get(dispatcher) ?? 1) - 1);
    unwatch();
    wait.stop();
  }
}

function show(came: Came): string {
  if ("message" in came) return messageLine(came.message);
  if ("late" in came) return `nothing ${came.late}`;
  const { end } = came;
  return endLine(end.info, `the end: ${end.message}`);
}
