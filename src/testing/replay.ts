// Plays one side of a recording against a program, and compares what the program sends.
//
// 1. Messages are compared, not their frames: how a message was divided or compressed is not what
//    it says. What is played is divided as it was recorded, and not compressed.
// 2. Pings and Pongs depend on time and chance. Those of the program are answered and not compared.

import { Opcode } from "../protocol/frame_header.ts";
import { createRequest, parseUrl } from "../handshake/client.ts";
import { toFields } from "../http/fields.ts";
import { type Bytes, concat } from "../util/bytes.ts";
import {
  anything,
  checkOptions,
  oneOf,
  type OptionTable,
  unjudged,
} from "../util/check_options.ts";
import { systemClock } from "../util/clock.ts";
import type { HeadersSource } from "../util/platform.ts";
import { AssertionError, frameLine, octetsDiffer } from "./assertion.ts";
import type { Side } from "./link.ts";
import type { Network } from "./network.ts";
import { clockOf, type RawPeer } from "./raw_peer.ts";
import { type RecordedFrame, type Recording, statusOf } from "./recording.ts";
import { startTimeout, WAIT_OPTIONS, type WaitOptions } from "./timeout.ts";

/** The options of {@linkcode replay}. */
export interface ReplayOptions extends WaitOptions {
  /** Which side is played; the program under test is the other one. */
  readonly side: Side;
  /**
   * For the client's side, the server to connect to: path and query are those of the recording. For
   * the server's side, where to listen.
   */
  readonly url: string | URL;
  /**
   * When to send: "recorded" at the times of the recording, by the clock of the network, or "at
   * once", as soon as all that came before has come. Default: "at once".
   */
  readonly pace?: "recorded" | "at once";
  /**
   * More header fields for the request or the answer, such as credentials, which a recording does
   * not hold. Default: none.
   */
  readonly headers?: HeadersSource;
}

const REPLAY_OPTIONS: OptionTable<ReplayOptions> = {
  ...WAIT_OPTIONS,
  side: oneOf("client", "server"),
  url: unjudged("a URL"),
  pace: oneOf("recorded", "at once"),
  headers: anything,
};

/** Fields that each handshake has anew, or that belong to one connection. */
const FRESH =
  /^(?:host|connection|upgrade|sec-websocket-.*|content-length|transfer-encoding|keep-alive|te|trailer|proxy-connection|date)$/i;

/**
 * Plays one side of a recording against a program on a network in memory, and compares what the
 * program sends with what was recorded: the status, the path and the subprotocol of the opening
 * handshake, each message, and the Close frame.
 *
 * @param network Where the program is.
 * @param recording What {@linkcode readRecording} returned.
 * @param options Which side to play, where, and at which pace. `timeout` is how much later than
 * recorded something of the program may come.
 * @returns A promise that resolves when all has been played. Rejects with an
 * {@linkcode AssertionError} at the first difference, with the number of the line.
 * @throws {TypeError} When an option is unknown or of the wrong kind, or the recording does not say
 * which end it was made on; the promise rejects with it.
 * @throws {Error} When a payload is cut; the promise rejects with it.
 *
 * @example
 * ```ts
 * import { createNetwork, readRecording, replay } from "@sansocket/ws/testing";
 *
 * const recording = readRecording(
 *   `{"recording":1,"side":"client","time":0}
 * {"t":1,"dir":"out","opcode":1,"fin":true,"rsv1":false,"payload":"hi","size":2,"wire":2}
 * {"t":2,"dir":"in","opcode":1,"fin":true,"rsv1":false,"payload":"hi","size":2,"wire":2}`,
 * );
 * const network = createNetwork();
 * const server = await network.serve({ websocket: { message: (ws, data) => ws.send(data) } });
 * await replay(network, recording, { side: "client", url: server.url });
 * await server.close();
 * ```
 */
export async function replay(
  network: Network,
  recording: Recording,
  options: ReplayOptions,
): Promise<void> {
  checkOptions("replay()", options, REPLAY_OPTIONS);
  const { side, url, timeout = 1_000 } = options;
  if (side === undefined || url === undefined) {
    throw new TypeError("replay() expected the options side and url, got one of them or none");
  }
  if (recording.side === undefined) {
    throw new TypeError(
      "replay() expected a recording that says which end it was made on, got one without: " +
        "give record() the option side",
    );
  }
  const cut = recording.frames.find((frame) => frame.cut);
  if (cut !== undefined) {
    throw new Error(
      `Line ${cut.line} of the recording: expected the whole payload, got ${cut.payload.length} of ` +
        `${cut.size} octets: record it with a larger maxPayload`,
    );
  }
  const open = side === "client" ? openClient : openServer;
  const peer = await open(network, recording, { ...options, timeout });
  if (peer === undefined) return;
  try {
    await new Player(peer, recording, { ...options, timeout }).play();
  } catch (error) {
    await peer[Symbol.asyncDispose]();
    throw error;
  }
}

type Resolved = ReplayOptions & { readonly timeout: number };

/** Makes the request; undefined when the answer is a refusal, as recorded. */
async function openClient(
  network: Network,
  { request, response }: Recording,
  { url, timeout, headers }: Resolved,
): Promise<RawPeer | undefined> {
  const to = parseUrl(url);
  const target = request?.split(" ", 2)[1] ?? `${to.pathname}${to.search}`;
  const { href } = new URL(target, to);
  const protocols = fieldOf(request, "sec-websocket-protocol")?.split(/\s*,\s*/) ?? [];
  const fields = [...freshFields(request), ...toFields(headers)];
  const status = response === undefined ? 101 : statusOf(response);
  const { bytes } = createRequest(new URL(href), { protocols, headers: fields });
  const peer = await atFirstLine(
    network.raw(
      href,
      status === 101 ? { protocols, headers: fields, timeout } : { handshake: bytes, timeout },
    ),
  );
  try {
    if (response === undefined) return peer;
    compareText("status", String(statusOf(peer.head)), String(status));
    const chosen = fieldOf(peer.head, "sec-websocket-protocol");
    compareText("subprotocol", chosen, fieldOf(response, "sec-websocket-protocol"));
  } catch (error) {
    await peer[Symbol.asyncDispose]();
    throw error;
  }
  if (status === 101) return peer;
  peer.end();
  return undefined;
}

/** Answers the request; undefined when it is refused, as recorded. */
async function openServer(
  network: Network,
  { request, response }: Recording,
  { url, timeout, headers }: Resolved,
): Promise<RawPeer | undefined> {
  const { hostname, port } = parseUrl(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const server = await network.rawServer({ hostname: host, port: Number(port) || 80 });
  const status = response === undefined ? 101 : statusOf(response);
  const protocol = fieldOf(response, "sec-websocket-protocol");
  const fields = [...freshFields(response), ...toFields(headers)];
  try {
    const lines = [response?.split("\r\n", 1)[0], "Content-Length: 0", "Connection: close"];
    for (const [name, value] of fields) lines.push(`${name}: ${value}`);
    const refusal = `${lines.join("\r\n")}\r\n\r\n`;
    const peer = await atFirstLine(
      server.accept(
        status === 101
          ? { ...(protocol !== undefined && { protocol }), headers: fields, timeout }
          : { handshake: refusal, timeout },
      ),
    );
    if (request !== undefined && startOf(peer.head) !== startOf(request)) {
      await peer[Symbol.asyncDispose]();
      compareText("request", startOf(peer.head), startOf(request));
    }
    if (status === 101) return peer;
    peer.end();
    return undefined;
  } finally {
    await server.close();
  }
}

/** What has come of the program: a message, or a Close frame. */
interface Came {
  readonly opcode: number;
  readonly payload: Bytes;
}

const END = "the end of the stream";
/** Messages that wait to be compared; then nothing more is read. */
const MOST_COME = 100;

/** Plays the frames. */
class Player {
  readonly #peer: RawPeer;
  readonly #recording: Recording;
  readonly #options: Resolved;
  readonly #played: "in" | "out";
  readonly #begin: number;
  /** The fragments of a recorded message of the program so far. */
  #parts: RecordedFrame[] = [];

  /** Messages and Close frames of the program that have come. */
  readonly #come: Came[] = [];
  /** Whether nothing more is sent. */
  #ended = false;
  /** Why nothing more comes. */
  #end: Error | undefined;
  #wake: () => void = () => {};
  #taken: () => void = () => {};

  constructor(peer: RawPeer, recording: Recording, options: Resolved) {
    this.#peer = peer;
    this.#recording = recording;
    this.#options = options;
    this.#played = recording.side === options.side ? "out" : "in";
    this.#begin = this.#now();
  }

  async play(): Promise<void> {
    this.#receive();
    const closed = new Set<string>();
    let line = 1;
    for (const frame of this.#recording.frames) {
      line = frame.line;
      if (frame.opcode === Opcode.close) closed.add(frame.dir);
      if (frame.dir === this.#played) await this.#send(frame);
      else await this.#compare(frame);
    }
    const { side, timeout } = this.#options;
    const last = closed.size === 2;
    if (side === "server" || !last) {
      this.#ended = true;
      this.#peer.end();
    }
    if (!last) return;
    const more = await this.#next(line + 1, END, timeout);
    if (more !== undefined) throw differ(line + 1, END, more);
    this.#peer.end();
  }

  async #send({ t, opcode, fin, payload }: RecordedFrame): Promise<void> {
    if (opcode === Opcode.pong) return;
    const wait = this.#options.pace === "recorded" ? t - this.#first - this.#elapsed : 0;
    if (wait > 0) {
      const clock = clockOf(this.#peer) ?? systemClock;
      await new Promise<void>((resolve) => clock.setTimer(resolve, wait, "replay() at its pace"));
    }
    this.#peer.sendFrame({ opcode, fin, payload });
  }

  async #compare(frame: RecordedFrame): Promise<void> {
    const { opcode, fin, t } = frame;
    if (opcode === Opcode.ping || opcode === Opcode.pong) return;
    const isClose = opcode === Opcode.close;
    if (!isClose) this.#parts.push(frame);
    if (!isClose && !fin) return;
    const parts = isClose ? [frame] : this.#parts.splice(0);
    const [first] = parts;
    const expected = concat(parts.map(({ payload }) => payload));
    const line = frameLine(first!.opcode, expected);
    const late = this.#options.pace === "recorded" ? t - this.#first - this.#elapsed : 0;
    const timeout = this.#options.timeout + Math.max(late, 0);
    const got = await this.#next(first!.line, line, timeout);
    const end = got === undefined ? this.#end?.message.replace(/^.*, got /, "") : undefined;
    if (got === undefined) throw differ(first!.line, line, end ?? END);
    const where = octetsDiffer(got.payload, expected);
    if (got.opcode === first!.opcode && where === undefined) return;
    const wanted = { opcode: first!.opcode, payload: expected };
    throw differ(first!.line, line, got, wanted, got.opcode === wanted.opcode ? where : undefined);
  }

  /** Takes the next message or Close frame of the program; undefined at the end of the stream. */
  async #next(line: number, expected: string, timeout: number): Promise<Came | undefined> {
    const wait = startTimeout("replay()", { timeout }, clockOf(this.#peer));
    try {
      while (this.#come.length === 0 && this.#end === undefined) {
        const come = new Promise<undefined>((resolve) => this.#wake = () => resolve(undefined));
        const late = await Promise.race([come, wait.late]);
        if (late !== undefined) throw differ(line, expected, `nothing ${late}`);
      }
      this.#taken();
      return this.#come.shift();
    } finally {
      wait.stop();
    }
  }

  /** Reads all that the program sends, also while the next frame is not due: it awaits Pongs. */
  async #receive(): Promise<void> {
    const parts: Bytes[] = [];
    let begun: number | undefined;
    try {
      for (;;) {
        const { opcode, fin, payload } = await this.#peer.receiveFrame({ timeout: Infinity });
        if (opcode === Opcode.ping) {
          if (!this.#ended) this.#peer.sendFrame({ opcode: Opcode.pong, payload });
        } else if (opcode === Opcode.close) this.#come.push({ opcode, payload });
        else if (opcode < Opcode.close) {
          begun ??= opcode;
          parts.push(payload);
          if (!fin) continue;
          this.#come.push({ opcode: begun, payload: concat(parts.splice(0)) });
          begun = undefined;
        } else if (opcode !== Opcode.pong) this.#come.push({ opcode, payload });
        this.#wake();
        if (this.#come.length < MOST_COME) continue;
        await new Promise<void>((resolve) => this.#taken = resolve);
      }
    } catch (error) {
      this.#end = error as Error;
      this.#wake();
    }
  }

  /** When the first frame was recorded: what the handshake took is not waited for. */
  get #first(): number {
    return this.#recording.response === undefined ? this.#recording.frames[0]?.t ?? 0 : 0;
  }

  get #elapsed(): number {
    return this.#now() - this.#begin;
  }

  #now(): number {
    return (clockOf(this.#peer) ?? systemClock).now();
  }
}

/** Adds the line to what a peer rejects with. */
async function atFirstLine<T>(waited: Promise<T>): Promise<T> {
  try {
    return await waited;
  } catch (error) {
    const { message, actual, expected } = error as AssertionError;
    const said = message.replace(/^Expected/, "expected");
    throw new AssertionError(`Line 1 of the recording: ${said}`, actual, expected);
  }
}

function differ(
  line: number,
  expected: string,
  got: Came | string,
  wanted?: Came,
  where?: string,
): AssertionError {
  const shown = typeof got === "string" ? got : frameLine(got.opcode, got.payload);
  return new AssertionError(
    `Line ${line} of the recording: expected ${expected}, got ${shown}${where ? `; ${where}` : ""}`,
    typeof got === "string" ? undefined : got,
    wanted,
  );
}

function compareText(what: string, got: string | undefined, expected: string | undefined): void {
  if (got === expected) return;
  throw new AssertionError(
    `Line 1 of the recording: expected the ${what} ${expected ?? "none"}, got ${got ?? "none"}`,
    got,
    expected,
  );
}

/** Method and target of a request. */
function startOf(head: string): string {
  return head.split(" ", 2).join(" ");
}

function linesOf(head: string | undefined): [name: string, value: string][] {
  return (head ?? "").split("\r\n").slice(1).filter((line) => line.includes(":")).map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
}

function fieldOf(head: string | undefined, name: string): string | undefined {
  return linesOf(head).find(([other]) => other.toLowerCase() === name)?.[1];
}

/** The fields of a recorded head that a new one has too; credentials are not in a recording. */
function freshFields(head: string | undefined): [name: string, value: string][] {
  return linesOf(head).filter(([name, value]) => !FRESH.test(name) && value !== "…");
}
