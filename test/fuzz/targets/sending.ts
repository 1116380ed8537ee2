// What is sent, from memory of every form and realm, by every way there is, while the sender fills, transfers or resizes
// it as soon as it may: the peer gets the octets as they were.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import {
  connect,
  type ConnectOptions,
  createWebSocketClass,
  createWebSocketStreamClass,
  type Message,
  PreparedMessage,
  serve,
  type ServerOptions,
  type WebSocketConnection,
} from "@sansocket/ws";
import { createMemoryRuntime } from "@sansocket/ws/testing";
import type { Network } from "../../support/connections.ts";
import { createConnect, createServe } from "@sansocket/ws/web";
import { zlibBackend } from "../../../runtimes/shared/zlib.ts";
import type { BinaryData, Bytes } from "../../../src/util/bytes.ts";
import { withResolvers } from "../../support/connections.ts";
import { foreign, ForeignBlob, ForeignSignal } from "../../support/realm.ts";
import { cutAt } from "../../support/split.ts";
import { type Change, type Form, FORMS, type Held, hold, isResizable } from "../memory_forms.ts";
import { type Sample, samplesOf, type Target } from "../target.ts";
import { turn, within } from "../waits.ts";

/** One message, sent so many times. */
export interface Step {
  /** By which way; the classes know only "send" and "blob". */
  readonly way: "send" | "text" | "prepared" | "array" | "chunks" | "blob" | "writable" | "ping";
  /** The memory that it lies in. */
  readonly form: Form;
  /** Whether that is of another realm. */
  readonly foreign: boolean;
  /** Octets of its buffer before it. */
  readonly before: number;
  /** Its length: the sample's bytes over and over. 0 stands for their own length. */
  readonly size: number;
  /** What becomes of the memory as soon as the library has let go of it. */
  readonly then: Change;
  /** Whether the sender waits for it before the next. */
  readonly awaited: boolean;
  /** How many such messages. */
  readonly times: number;
}

/** A connection and what is sent on it. */
export interface SendingOptions {
  /** What lies between the two ends. */
  readonly network: "memory" | "tcp";
  /** Who sends. */
  readonly sender: "client" | "server" | "WebSocket" | "WebSocketStream";
  /** How the other end reads. */
  readonly reader: "fast" | "slow" | "stalled";
  /** What becomes of messages while too many wait; with "close" so many may. */
  readonly overflow: "close" | "wait" | "drop-oldest" | "drop-newest";
  /** Whether permessage-deflate is offered. */
  readonly compression: boolean;
  /** What is sent. */
  readonly steps: readonly Step[];
}

const WAYS = ["send", "text", "prepared", "array", "chunks", "blob", "writable", "ping"] as const;

const connection = {
  network: fc.constantFrom<SendingOptions["network"]>("memory", "tcp"),
  sender: fc.constantFrom<SendingOptions["sender"]>(
    ...["client", "server", "client", "server", "WebSocket", "WebSocketStream"] as const,
  ),
  compression: fc.nat(3).map((n) => n === 0),
};

const payload = fc.uint8Array({ minLength: 1, maxLength: 60 }) as fc.Arbitrary<Bytes>;

/** Memory of other realms, and of every form: small messages, which change at once. */
export const realms: Target<SendingOptions> = {
  name: "realms",
  promise: "memory of any form and realm is sent as what it holds",
  file: "sending.ts",
  samples: samplesOf(
    fc.oneof({ weight: 8, arbitrary: payload }, {
      weight: 1,
      arbitrary: fc.constant(new Uint8Array()),
    }),
    fc.record<SendingOptions>({
      ...connection,
      network: fc.constant("memory"),
      reader: fc.constant("fast"),
      overflow: fc.constant("close"),
      steps: fc.array(
        fc.record<Step>({
          way: fc.constantFrom(...WAYS),
          form: fc.constantFrom(...FORMS),
          foreign: fc.nat(3).map((n) => n > 0),
          before: fc.nat(8),
          size: fc.constantFrom(0, 0, 0, 1, 125, 126, 70_000),
          then: fc.constantFrom<Change>("keep", "fill", "transfer", "resize"),
          awaited: fc.boolean(),
          times: fc.constantFrom(1, 1, 2),
        }),
        { minLength: 1, maxLength: 6 },
      ),
    }),
  ),
  check,
};

/** Large messages, so that some wait. */
export const sending: Target<SendingOptions> = {
  name: "sending",
  promise: "what was sent arrives as it was, whatever its sender does with its memory",
  file: "sending.ts",
  samples: fc.constantFrom<SendingOptions["overflow"]>(
    ...["close", "wait", "wait", "drop-oldest", "drop-newest"] as const,
  ).chain((overflow): fc.Arbitrary<Sample<SendingOptions>> =>
    samplesOf(
      payload,
      fc.record<SendingOptions>({
        ...connection,
        reader: fc.constantFrom("fast", "slow", "stalled", "stalled"),
        overflow: fc.constant(overflow),
        steps: fc.array(
          fc.record<Step>({
            way: fc.constantFrom("send", "send", "send", ...WAYS),
            form: fc.constantFrom("bytes", "bytes", "buffer", ...FORMS),
            foreign: fc.nat(4).map((n) => n === 0),
            before: fc.nat(8),
            size: fc.constantFrom(
              ...[10, 1000, 30_000, 60_000, 65_535, 65_536, 66_000, 131_072, 327_000, 600_000],
            ),
            then: fc.constantFrom<Change>("keep", "fill", "fill", "transfer", "resize"),
            awaited: fc.boolean(),
            times: fc.constantFrom(1, 2, 4, 8),
          }),
          { minLength: 1, maxLength: 5 },
        ),
      }),
    )
  ),
  check,
};

/** What the other end gets behind everything else. */
const END = "the end";

async function check(
  bytes: Bytes,
  cuts: readonly number[],
  options: SendingOptions,
): Promise<void> {
  const ends = await openEnds(options);
  try {
    const { expected, pings, progress, done } = sendAll(ends, bytes, cuts, options);
    const received: Message[] = [];
    if (options.reader === "stalled") await stalled(progress);
    else await abortOnce(ends.receiver);
    // With the last step done `END` is on its way, behind everything.
    const reading = (async () => {
      for (let i = 0;; i++) {
        if (options.reader === "slow" && i % 4 === 0) await turn();
        const message = await ends.receive();
        if (message === END) return;
        received.push(message);
      }
    })();
    await within(Promise.all([done, reading]), "all that was sent, and its end");
    compare(received, expected, ends.dropped(), options);
    if (ends.pings !== undefined) assertEquals(ends.pings, pings);
    assertEquals(ends.reported, []);
  } finally {
    await ends.close();
  }
  if (ends.thrown !== undefined) assertEquals(ends.reported, [ends.thrown]);
}

/** The networks, each with DEFLATE. */
const networks: Readonly<Record<SendingOptions["network"], () => Network>> = {
  tcp: () => ({ serve, connect }),
  memory() {
    const runtime = { ...createMemoryRuntime(), deflate: zlibBackend };
    return { serve: createServe(runtime), connect: createConnect(runtime) };
  },
};

/** Both ends, and what one of them sends by. */
interface Ends {
  readonly receiver: WebSocketConnection;
  /** Takes the next message. */
  receive(): Promise<Message>;
  /** Sends by way of the step, whose memory may change when the promise settles, or is told here otherwise. */
  readonly send: (step: Step, held: Held, octets: Bytes, pieces: Held[]) => Promise<unknown>;
  /** What the server's hook was told, where the client sends. */
  readonly pings: string[] | undefined;
  readonly reported: unknown[];
  readonly thrown: unknown;
  dropped(): number;
  close(): Promise<void>;
}

async function openEnds(options: SendingOptions): Promise<Ends> {
  const { sender, compression } = options;
  const overflow = overflowOf(options);
  const limits: Omit<ConnectOptions, "protocols"> & ServerOptions = {
    maxMessageSize: 600_000,
    maxBufferedAmount: overflow.startsWith("drop") ? 200_000 : 2 ** 30,
    overflow,
    compression: compression && { threshold: 0 },
    heartbeat: false,
  };
  const network: Network = networks[options.network]();
  const accepted = withResolvers<WebSocketConnection>();
  let first: Promise<Message> | undefined;
  const reported: unknown[] = [];
  const pings: string[] = [];
  // What a hook throws is reported as it is, whichever realm it is of.
  const thrown = sender === "client" ? foreign<Error>("new RangeError('mine')") : undefined;
  const server = await network.serve({
    ...limits,
    port: 0,
    error: (error) => void reported.push(error),
    websocket: {
      open(ws) {
        // A handler without a hook for messages discards what exceeds a bound, until somebody asks for one.
        first = ws.receive();
        first.catch(() => {});
        accepted.resolve(ws);
      },
      ping: (_, payload) => void pings.push(Buffer.from(payload).toString("latin1")),
      close() {
        if (thrown !== undefined) throw thrown;
      },
    },
  });
  const client = await openClient(network, server.url, sender, limits);
  const ws = await accepted.promise;
  const isClient = sender === "client" && client.ws !== undefined;
  const from = sender === "server" ? ws : client.ws;
  const writer = from?.writable.getWriter();
  const receiver = sender === "server" ? client.ws! : ws;
  return {
    receiver,
    receive() {
      const message = receiver === ws ? first : undefined;
      first = undefined;
      return message ?? receiver.receive();
    },
    send: from === undefined
      ? client.send
      : (step, held, octets, pieces) => sendBy(from, writer!, step, held, octets, pieces),
    pings: isClient ? pings : undefined,
    reported,
    thrown,
    dropped: () => from?.dropped ?? 0,
    async close() {
      client.terminate();
      ws.terminate();
      await writer?.closed.catch(() => {});
      await within(Promise.all([ws.closed, server.close()]), "the end of the server");
    },
  };
}

interface Client {
  readonly ws?: WebSocketConnection;
  readonly send: Ends["send"];
  terminate(): void;
}

async function openClient(
  network: Network,
  url: string,
  sender: SendingOptions["sender"],
  options: Omit<ConnectOptions, "protocols" | "signal">,
): Promise<Client> {
  const unused = (): Promise<unknown> => Promise.reject(new Error("A connection sends by itself"));
  if (sender === "WebSocket") {
    const socket = new (createWebSocketClass(network.connect))(url, options);
    await within(new Promise((resolve) => socket.onopen = resolve), "open");
    const send: Client["send"] = (step, held, octets) => {
      if (step.way === "blob") socket.send(blobOf(octets, step));
      else if (step.way === "text") socket.send(textOf(octets));
      else {
        const send = (): void => socket.send(held.data as ArrayBuffer);
        if (isRefused(step)) assertThrows(send, TypeError);
        else send();
        // The platform has copied it by now.
        held.change(step.then);
      }
      return Promise.resolve();
    };
    return { send, terminate: () => socket.close() };
  }
  if (sender === "WebSocketStream") {
    const stream = new (createWebSocketStreamClass(network.connect))(url, options);
    const { writable } = await stream.opened;
    const writer = writable.getWriter();
    writer.closed.catch(() => {});
    stream.closed.catch(() => {});
    const send: Client["send"] = async (step, held, octets) => {
      if (step.way === "text") return writer.write(textOf(octets));
      if (isRefused(step)) return;
      await writer.write(held.data as ArrayBuffer);
      held.change(step.then);
    };
    return { send, terminate: () => stream.close() };
  }
  const ws = await network.connect(url, options);
  return { ws, send: unused, terminate: () => ws.terminate() };
}

/** A class does not tell what was dropped. */
function overflowOf({ overflow, sender }: SendingOptions): SendingOptions["overflow"] {
  return sender.startsWith("WebSocket") ? "wait" : overflow;
}

/** Whether Web IDL refuses such memory (section 3.2.25: neither shared nor resizable). */
function isRefused({ form, way }: Step): boolean {
  return way !== "blob" && way !== "text" && (form.startsWith("shared") || isResizable(form));
}

/** Sends one message by one end of a connection. */
async function sendBy(
  ws: WebSocketConnection,
  writer: WritableStreamDefaultWriter<string | BinaryData>,
  step: Step,
  held: Held,
  octets: Bytes,
  pieces: Held[],
): Promise<void> {
  const { then } = step;
  switch (step.way) {
    case "text":
      await ws.send(held.data, { binary: false });
      return held.change(then);
    case "prepared": {
      const message = new PreparedMessage(held.data);
      held.change(then);
      return ws.send(message);
    }
    case "array":
      await ws.send(pieces.map(({ data }) => data));
      return pieces.forEach((piece) => piece.change(then));
    case "chunks":
      return ws.send((function* () {
        for (const piece of pieces) {
          yield piece.data;
          piece.change(then);
        }
      })());
    case "blob":
      return ws.send(blobOf(octets, step));
    case "writable":
      await writer.write(held.data);
      return held.change(then);
    case "ping": {
      const answered = ws.ping(held.data);
      held.change(then);
      await answered;
      return;
    }
    default:
      await ws.send(held.data);
      held.change(then);
  }
}

function blobOf(octets: Bytes, step: Step): Blob {
  return step.foreign ? new ForeignBlob(octets) as unknown as Blob : new Blob([octets]);
}

function textOf(octets: Bytes): string {
  return Buffer.from(octets).toString("latin1");
}

/** What is sent, and how far that has come. */
interface Sending {
  readonly expected: Message[];
  readonly pings: string[];
  readonly done: Promise<void>;
  progress(): number;
}

function sendAll(
  ends: Ends,
  bytes: Bytes,
  cuts: readonly number[],
  options: SendingOptions,
): Sending {
  const expected: Message[] = [];
  const pings: string[] = [];
  let sent = 0;
  const isClass = options.sender.startsWith("WebSocket");
  const sendStep = async (step: Step, waiting: Promise<unknown>[]): Promise<void> => {
    for (let i = 0; i < step.times; i++) {
      const ascii = step.way === "text";
      const size = step.way === "ping" ? Math.min(125, step.size) : step.size;
      const octets = octetsOf(bytes, size, sent++, ascii).slice(
        0,
        step.way === "ping" ? 125 : undefined,
      );
      const { form, before } = step;
      const held = hold(octets, form, step.foreign, before);
      const pieces = cutAt(octets, cuts.map((cut) => cut * Math.ceil(octets.length / 60)))
        .map((piece) => hold(piece, form, step.foreign, before));
      if (step.way === "ping" && !isClass) pings.push(textOf(octets));
      else if (!isClass || !isRefused(step)) expected.push(ascii ? textOf(octets) : octets);
      const settled = ends.send(step, held, octets, pieces);
      // Of the Pings that wait for their Pongs only the newest must be answered; each is, but not before it is read.
      if (step.way === "ping") settled.catch(() => {});
      else if (step.awaited) await settled;
      else waiting.push(settled);
    }
  };
  const done = (async () => {
    const waiting: Promise<unknown>[] = [];
    for (const step of options.steps) await sendStep(stepFor(step, options), waiting);
    await Promise.all(waiting);
    const last: Step = { ...options.steps[0]!, way: "text", form: "bytes", then: "fill" };
    const octets = Uint8Array.from(END, (character) => character.charCodeAt(0));
    await ends.send(last, hold(octets, "bytes", false, 0), octets, []);
  })();
  // Whoever waits for it is told as well.
  done.catch(() => {});
  return { expected, pings, done, progress: () => sent };
}

/** What becomes of a step: the classes have fewer ways. */
function stepFor(step: Step, { sender }: SendingOptions): Step {
  // A stream takes the next message to be sent when it has had the last.
  if (sender === "client" || sender === "server") {
    return { ...step, awaited: step.awaited || step.way === "writable" };
  }
  const ways = sender === "WebSocket" ? ["text", "blob"] : ["text"];
  // A SharedArrayBuffer, as opposed to a view of one, is converted to a string there.
  const form = step.form === "shared" ? "sharedPart" : step.form;
  return { ...step, form, way: ways.includes(step.way) ? step.way : "send" };
}

/** Payload number `index`; no two with the same octets one behind the other, unless they are shorter than two. */
function octetsOf(bytes: Bytes, size: number, index: number, ascii: boolean): Bytes {
  const length = size === 0 ? bytes.length : size;
  const octets = new Uint8Array(length);
  if (bytes.length > 0) {
    octets.set(bytes.subarray(0, length));
    for (let filled = Math.min(bytes.length, length); filled < length; filled *= 2) {
      octets.set(octets.subarray(0, Math.min(filled, length - filled)), filled);
    }
  }
  if (length > 1) octets.set([index & 127, index >> 7]);
  if (ascii) { for (let i = 0; i < length; i++) octets[i]! &= 127; }
  return octets;
}

/** Waits until the sender does not get on any more. */
async function stalled(progress: () => number): Promise<void> {
  for (let before = -1, quiet = 0; quiet < 10; quiet++) {
    if (progress() !== before) quiet = 0;
    before = progress();
    await turn();
  }
}

/** A wait that a signal of another library ends takes no message away. */
async function abortOnce(ws: WebSocketConnection): Promise<void> {
  const signal = new ForeignSignal();
  signal.aborted = true;
  const error: unknown = await ws.receive({ signal: signal as unknown as AbortSignal }).then(
    () => undefined,
    (error) => error,
  );
  assertEquals((error as Error | undefined)?.name, "AbortError");
}

/** What arrived is what was sent, in order, but for what was dropped. */
function compare(
  received: readonly Message[],
  expected: readonly Message[],
  dropped: number,
  options: SendingOptions,
): void {
  assertEquals(received.length + dropped, expected.length, "as many as were sent");
  if (!overflowOf(options).startsWith("drop")) assertEquals(dropped, 0);
  let at = 0;
  received.forEach((message, i) => {
    while (at < expected.length && !same(message, expected[at]!)) at++;
    assert(at < expected.length, `message ${i} of ${received.length} is none that was sent`);
    if (dropped === 0) assertEquals(at, i, "in order");
    at++;
  });
}

function same(message: Message, expected: Message): boolean {
  if (typeof message === "string" || typeof expected === "string") return message === expected;
  return Buffer.from(message.buffer, message.byteOffset, message.length).equals(expected);
}
