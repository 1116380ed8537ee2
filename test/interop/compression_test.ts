// permessage-deflate with every parameter set that matters, against the npm package `ws`, Bun's own client and server
// and undici: 200 messages of mixed sizes in both directions at once.
//
// The harness plays the ordinary behaviours with compression; here it is about what was negotiated.

import { assert, assertEquals } from "@std/assert";
import { type CompressionOptions, connect, serve } from "@sansocket/ws";
import { json, noise } from "../support/deflate.ts";
import { runtime, test } from "../support/test.ts";
import { bunServer, whatwgClient } from "./native_peer.ts";
import type { Message, PeerClient, PeerServer } from "./peer.ts";
import { type DeflateOptions, wsClient, wsServer } from "./ws_peer.ts";

type Library = typeof import("ws");

const library = await import(
  runtime === "bun" ? "../../node_modules/ws/wrapper.mjs" : "ws"
) as Library;

/** How an option of one end and an option of the other come together. */
interface Row {
  readonly ours: boolean | CompressionOptions;
  readonly theirs: DeflateOptions;
  /** What both ends say then, without the name of the extension. */
  readonly agreed: string;
}

const none = "server_no_context_takeover; client_no_context_takeover";

/** Our client, their server. */
const clientRows: readonly Row[] = [
  { ours: true, theirs: {}, agreed: "" },
  { ours: { contextTakeover: false }, theirs: {}, agreed: none },
  {
    ours: { windowBits: 9 },
    theirs: {},
    agreed: "server_max_window_bits=9; client_max_window_bits=9",
  },
  { ours: true, theirs: { serverNoContextTakeover: true }, agreed: "server_no_context_takeover" },
  { ours: true, theirs: { clientNoContextTakeover: true }, agreed: "client_no_context_takeover" },
  { ours: true, theirs: { serverMaxWindowBits: 10 }, agreed: "server_max_window_bits=10" },
  { ours: true, theirs: { clientMaxWindowBits: 10 }, agreed: "client_max_window_bits=10" },
  {
    ours: { windowBits: 15, level: 9, memoryLevel: 9, threshold: 0 },
    theirs: { serverMaxWindowBits: 15, clientMaxWindowBits: 15 },
    agreed: "server_max_window_bits=15; client_max_window_bits=15",
  },
];

/** Our server, their client. */
const serverRows: readonly Row[] = [
  { ours: true, theirs: {}, agreed: "client_max_window_bits=12" },
  { ours: { windowBits: 15 }, theirs: {}, agreed: "" },
  {
    ours: { contextTakeover: false, windowBits: 15 },
    theirs: {},
    agreed: none,
  },
  {
    ours: { windowBits: 15 },
    theirs: { serverNoContextTakeover: true },
    agreed: "server_no_context_takeover",
  },
  {
    ours: { windowBits: 15 },
    theirs: { clientNoContextTakeover: true },
    agreed: "client_no_context_takeover",
  },
  {
    ours: { windowBits: 9 },
    theirs: { serverMaxWindowBits: 11, clientMaxWindowBits: 10 },
    agreed: "server_max_window_bits=9; client_max_window_bits=9",
  },
  { ours: { windowBits: 8 }, theirs: {}, agreed: "client_max_window_bits=8" },
];

/** Messages of 0 to 70,000 octets, text and binary, some of which repeat and some of which cannot be compressed. */
const messages: readonly Message[] = Array.from({ length: 200 }, (_, i): Message => {
  const size = [0, 1, 20, 127, 128, 500, 1023, 1024, 4096, 9000][i % 10]!;
  if (i % 50 === 49) return i % 100 === 49 ? json(70_000, i) : noise(70_000, i);
  if (i % 7 === 3) return noise(size, i + 1);
  return i % 3 === 2 ? `☎${json(size, i % 4 + 1)}` : json(size, i % 4 + 1);
});

function agreedOn(extensions: string, agreed: string): void {
  const sorted = (list: string): string[] => list.split("; ").filter((part) => part).sort();
  assertEquals(sorted(extensions), sorted(`permessage-deflate; ${agreed}`));
}

/** Sends all, and takes all echoes meanwhile. */
async function exchange(
  send: (message: Message) => unknown,
  receive: () => Promise<Message>,
): Promise<void> {
  for (const message of messages) send(message);
  for (const [i, message] of messages.entries()) {
    const echo = await receive();
    assertEquals(typeof echo, typeof message, `message ${i}`);
    assertEquals(echo.length, message.length, `message ${i}`);
    assert(
      typeof message === "string"
        ? echo === message
        : message.every((octet, at) => echo[at] === octet),
      `message ${i} has other octets`,
    );
  }
}

async function withTheirServer(
  peer: PeerServer,
  { ours, agreed }: Omit<Row, "theirs">,
): Promise<void> {
  const server = await peer.start({
    message: (socket, message) => socket.send(message),
    pong() {},
    close() {},
  });
  const ws = await connect(`ws://127.0.0.1:${server.port}/`, { compression: ours });
  agreedOn(ws.extensions, agreed);
  await exchange((message) => ws.send(message), () => ws.receive());
  assertEquals((await ws.close()).wasClean, true);
  await server.stop();
}

async function withTheirClient(
  peer: PeerClient,
  { ours, agreed }: Omit<Row, "theirs">,
): Promise<void> {
  let extensions = "";
  await using server = await serve({
    port: 0,
    compression: ours,
    websocket: {
      open: (ws) => void (extensions = ws.extensions),
      message: (ws, message) => ws.send(message),
    },
  });
  const ws = await peer.connect(`ws://127.0.0.1:${server.port}/`, []);
  await exchange((message) => ws.send(message), () => ws.receive());
  agreedOn(extensions, agreed);
  ws.close(1000);
  assertEquals((await ws.closed).code, 1000);
}

for (const { ours, theirs, agreed } of clientRows) {
  const what = `${JSON.stringify(ours)} to a ws server with ${JSON.stringify(theirs)}`;
  const peer = wsServer("a ws server", library, {}, theirs);
  test(`connect() with compression ${what} exchanges 200 messages`, () =>
    withTheirServer(peer, { ours, agreed }));
}

for (const { ours, theirs, agreed } of serverRows) {
  const what = `${JSON.stringify(ours)} for a ws client with ${JSON.stringify(theirs)}`;
  const peer = wsClient("a ws client", library, {}, theirs);
  test(`serve() with compression ${what} exchanges 200 messages`, () =>
    withTheirClient(peer, { ours, agreed }));
}

const widest: CompressionOptions = { windowBits: 15 };

test(
  "connect() with compression to Bun.serve exchanges 200 messages",
  async () => {
    await withTheirServer(bunServer, { ours: widest, agreed: none });
  },
  { skip: runtime !== "bun" && "Bun.serve is Bun's" },
);

test(
  "serve() with compression for Bun's WebSocket exchanges 200 messages",
  async () => {
    const peer = whatwgClient("the WebSocket of bun", WebSocket);
    await withTheirClient(peer, { ours: true, agreed: "client_max_window_bits=12" });
  },
  { skip: runtime !== "bun" && "it is Bun's" },
);

test(
  "serve() with compression for undici exchanges 200 messages",
  async () => {
    const undici = await import("undici");
    const peer = whatwgClient("undici", undici.WebSocket as unknown as typeof WebSocket);
    await withTheirClient(peer, { ours: true, agreed: "client_max_window_bits=12" });
  },
  { skip: runtime !== "node" && "it is tested on Node" },
);
