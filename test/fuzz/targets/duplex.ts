// A server over byte streams that somebody else made (foreign_streams.ts): web streams, and a Duplex of Node's that
// attach() is given. It echoes what a peer sends, which is compared with the whole-input reader of naive_protocol.ts;
// beside it a connection of the library's own transports must notice nothing.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encodeHex } from "@std/encoding";
import fc from "fast-check";
import { createServer } from "node:http";
import type { CloseInfo, Message, WebSocketConnection, WebSocketHandler } from "@sansocket/ws";
import { attach, type AttachOptions } from "@sansocket/ws/node";
import { type ByteStreamPair, createServe, createWebRuntime } from "@sansocket/ws/web";
import type { Bytes } from "../../../src/util/bytes.ts";
import { REQUEST } from "../../handshake/heads.ts";
import { openFake } from "../../support/established.ts";
import { cutAt } from "../../support/split.ts";
import { foreignDuplex, foreignPair, type Habits, type Peer } from "../foreign_streams.ts";
import { mutated, streamOf } from "../mutate.ts";
import { type Reading, readStream, type Setting } from "../naive_protocol.ts";
import { fromLatin1, toLatin1 } from "../naive_utf8.ts";
import { frameStream } from "../streams.ts";
import { octets, samplesOf, type Target } from "../target.ts";
import { turn, turns, until, within } from "../waits.ts";

/** A stream, and what its peer does. */
export interface DuplexOptions extends Habits {
  /** Which kind of stream. */
  readonly kind: "web streams" | "Duplex";
  /** How the bytes are cut. */
  readonly chunks: "whole" | "cuts" | "octets";
  /** After so many chunks the peer waits for a turn of the event loop; 0 stands for never. */
  readonly pace: number;
  /** How the peer ends its side. */
  readonly end: "in order" | "error";
}

/** Streams of somebody else's. */
export const duplex: Target<DuplexOptions> = {
  name: "duplex",
  promise: "streams that keep, change, transfer, delay or fail get and give the right bytes",
  file: "duplex.ts",
  samples: samplesOf(
    mutated(
      fc.tuple(frameStream("server"), fc.nat(3)).map(([{ bytes }, more]) =>
        streamOf(Array<Bytes>(more + 1).fill(bytes))
      ),
    ),
    fc.record<DuplexOptions>({
      kind: fc.constantFrom("web streams", "Duplex"),
      given: fc.constantFrom("leave", "keep", "fill", "transfer"),
      delay: fc.constantFrom(0, 0, 1, 3),
      failsAfter: fc.oneof({ weight: 3, arbitrary: fc.constant(-1) }, {
        weight: 1,
        arbitrary: fc.nat(600),
      }),
      gives: fc.constantFrom("own", "foreign", "Buffer", "shared", "transferred"),
      highWaterMark: fc.constantFrom(1, 16_384),
      chunks: fc.constantFrom("whole", "cuts", "octets"),
      pace: fc.constantFrom(0, 1, 7),
      end: fc.constantFrom("in order", "error"),
    }),
  ),
  check,
};

const SETTING: Setting = {
  role: "server",
  maxMessageSize: 2 ** 20,
  maxFragments: 131_072,
  closing: false,
  congested: false,
};

async function check(bytes: Bytes, cuts: readonly number[], options: DuplexOptions): Promise<void> {
  const expected = readStream(bytes, SETTING);
  const scene = await open(options);
  await using bystander = openFake();
  const said: string[] = [];
  const speak = (): void => {
    const text = `bystander ${said.length}`;
    said.push(`81 ${encodeHex(new TextEncoder().encode(text))}`);
    void bystander.connection.send(text);
  };
  try {
    const { peer } = scene;
    for (const [i, chunk] of chunksOf(bytes, cuts, options).entries()) {
      if (chunk.length > 0) peer.give(chunk);
      if (i % 16 === 0) speak();
      if (options.pace > 0 && i % options.pace === 0) await turn();
    }
    speak();
    await until(() => isSettled(scene, expected), "an echo of everything, or the end");
    const alive = !peer.over;
    const broken = new Error("ECONNRESET");
    peer.end(options.end === "error" ? broken : undefined);
    const info = await within(scene.ended(), "the end of the connection");
    await turns(2);
    judge(scene, expected, options, alive);
    if (alive && info !== undefined && options.end === "error") {
      assertEquals([info.wasClean, info.cause], [false, broken]);
    }
  } finally {
    await within(scene.close(), "the end of the server");
  }
  speak();
  await turns(2);
  assertEquals(bystander.frames(), said, "what the bystander said");
  assertEquals(scene.reported, []);
}

function chunksOf(bytes: Bytes, cuts: readonly number[], { chunks }: DuplexOptions): Bytes[] {
  if (chunks === "octets") return octets(bytes);
  return chunks === "cuts" ? cutAt(bytes, cuts) : [bytes.slice()];
}

interface Scene {
  readonly peer: Peer;
  /** What the handler got; the application may keep it. */
  readonly got: readonly Message[];
  readonly reported: readonly unknown[];
  /** Echoes that have not left. */
  readonly pending: () => number;
  readonly connection: () => WebSocketConnection | undefined;
  /** How the connection ended; undefined when it was never opened. */
  ended(): Promise<CloseInfo | undefined>;
  close(): Promise<void>;
}

async function open(options: DuplexOptions): Promise<Scene> {
  const got: Message[] = [];
  const reported: unknown[] = [];
  let pending = 0;
  let connection: WebSocketConnection | undefined;
  const websocket: WebSocketHandler = {
    open: (ws) => void (connection = ws),
    async message(ws, data) {
      got.push(data);
      pending++;
      await ws.send(data).finally(() => pending--);
    },
  };
  const common = {
    maxMessageSize: SETTING.maxMessageSize,
    heartbeat: false as const,
    error: (error: unknown) => void reported.push(error),
  };
  const { peer, close } = options.kind === "Duplex"
    ? attachTo(options, { ...common, websocket })
    : await serveOver(options, { ...common, websocket });
  await until(() => peer.over || connection !== undefined, "a connection");
  return {
    peer,
    got,
    reported,
    pending: () => pending,
    connection: () => connection,
    ended: () => connection?.closed ?? Promise.resolve(undefined),
    close,
  };
}

interface Serving {
  readonly peer: Peer;
  close(): Promise<void>;
}

type Common = Omit<AttachOptions, "fetch" | "websocket"> & { readonly websocket: WebSocketHandler };

function attachTo(habits: Habits, options: Common): Serving {
  const server = createServer();
  const attached = attach(server, options);
  const { duplex, peer } = foreignDuplex(habits);
  const rawHeaders = REQUEST.slice(1).flatMap((line) => line.split(": "));
  const request = { method: "GET", url: "/", headers: { upgrade: "websocket" }, rawHeaders };
  server.emit("upgrade", request, duplex, new Uint8Array());
  return { peer, close: () => attached.close({ timeout: 10_000 }) };
}

async function serveOver(habits: Habits, options: Common): Promise<Serving> {
  const { pair, peer } = foreignPair(habits);
  const incoming = new ReadableStream<ByteStreamPair>({
    start: (controller) => controller.enqueue(pair),
  });
  const server = await createServe(createWebRuntime({ incoming }))(options);
  peer.give(fromLatin1(`${REQUEST.join("\r\n")}\r\n\r\n`));
  return { peer, close: () => server.close({ timeout: 10_000 }) };
}

/** Whether nothing more happens by itself. */
function isSettled({ peer, got, pending, connection }: Scene, expected: Reading): boolean {
  if (peer.over) return true;
  // A server ends its side behind the Close frames.
  if (expected.state !== "open") return false;
  const due = expected.events.filter(isMessage);
  return peer.idle && got.length === due.length && pending() === 0 &&
    connection()?.bufferedAmount === 0;
}

function isMessage(event: string): boolean {
  return /^(text|binary)/.test(event);
}

/** Judges what the handler got, and what the peer did. */
function judge(
  { peer, got, connection }: Scene,
  { events, written, failure, state }: Reading,
  { failsAfter }: DuplexOptions,
  alive: boolean,
): void {
  const due = events.filter(isMessage);
  const lines = got.map((message) =>
    typeof message === "string" ? `text ${message}` : `binary ${encodeHex(message)}`
  );
  assertEquals(lines, due.slice(0, lines.length), "messages in order");
  const sinkFailed = failsAfter >= 0 && peer.over;
  if (failure.length === 0 && !sinkFailed) assertEquals(lines.length, due.length, "all of them");

  const bytes = peer.received();
  const head = /^[^]*?\r\n\r\n/.exec(toLatin1(bytes))?.[0];
  if (head === undefined) return assert(sinkFailed || connection() === undefined);
  assertStringIncludes(head, "HTTP/1.1 101 ");
  const answer = readStream(bytes.subarray(head.length), { ...SETTING, role: "client" });
  assertEquals(answer.failure, [], "the frames of a server");
  const echoes = answer.events.filter(isMessage);
  assertEquals(echoes, due.slice(0, echoes.length), "echoes in order");
  const pongs = answer.events.filter((event) => event.startsWith("pong"));
  const asked = written.filter((line) => line.startsWith("8a")).map((line) =>
    `pong ${line.slice(3)}`
  );
  let at = 0;
  for (const pong of pongs) {
    at = asked.indexOf(pong, at) + 1;
    assert(at > 0, `${pong} answers a Ping, in order`);
  }
  if (sinkFailed) return;
  if (alive) assertEquals(echoes.length, due.length, "an echo of each");
  // Of the Pings behind each other only the last must be answered.
  if (asked.length > 0) assertEquals(pongs.at(-1), asked.at(-1));
  if (state === "open") return;
  const codes = failure.length > 0
    ? failure.map((code) => `88 ${code.toString(16).padStart(4, "0")}`)
    : written.slice(-1);
  assert(codes.includes(answer.written.at(-1)!), `${answer.written.at(-1)} is none of ${codes}`);
}
