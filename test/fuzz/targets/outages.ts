// A client that comes back, and a network and a server that do what they can against it: each octet of a sample is one
// step. In the end every message is accounted for, none has come twice, and all have kept their order.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { MessageRefused, type QueuePolicy, type Server } from "@sansocket/ws";
import type { ReconnectingConnection, WebSocketConnection } from "@sansocket/ws";
import { createClock, createNetwork, type Link } from "@sansocket/ws/testing";
import type { Bytes } from "../../../src/util/bytes.ts";
import { seedRandom } from "../../support/random.ts";
import { samplesOf, type Target } from "../target.ts";

/** How the client is set up. */
export interface OutagesOptions {
  readonly queue: QueuePolicy;
  readonly resend: boolean;
  /** Octets that may wait. */
  readonly maxQueuedAmount: number;
  /** What `Math.random()` begins from. */
  readonly seed: number;
}

const PORT = 9000;
/** Octets of the longest message, besides its number. */
const LONGEST = 700;

const STEPS = [
  ...["send", "send", "send", "send", "chunks", "wait", "wait", "rest"],
  ...["cut", "half", "slow", "close", "stop", "start", "refuse", "restore"],
] as const;

/** What the server has read, connection by connection. */
class Reader {
  server: Server | undefined;
  readonly connections: number[][] = [];
  readonly open = new Set<WebSocketConnection>();

  handler = {
    open: (ws: WebSocketConnection): void => {
      this.open.add(ws);
      this.connections.push([]);
      ws.data = this.connections.at(-1);
    },
    message: (ws: WebSocketConnection, data: unknown): void => {
      (ws.data as number[]).push(Number.parseInt(String(data), 10));
    },
    close: (ws: WebSocketConnection): void => void this.open.delete(ws),
  };
}

async function run(bytes: Bytes, options: OutagesOptions): Promise<void> {
  const restore = seedRandom(options.seed);
  try {
    await play(bytes, options);
  } finally {
    restore();
  }
}

async function play(bytes: Bytes, options: OutagesOptions): Promise<void> {
  const { queue, resend, maxQueuedAmount } = options;
  const clock = createClock();
  const network = createNetwork({ clock });
  const reader = new Reader();
  const start = async (): Promise<void> => {
    reader.server ??= await network.serve({ port: PORT, websocket: reader.handler });
  };
  await start();
  const settings = { queue, resend, maxQueuedAmount, lazy: true, compression: false };
  const ws = await network.reconnect(`ws://127.0.0.1:${PORT}/`, settings);
  ws.ignoreMessages();
  let total = 0;
  let refused = 0;
  const promises: Promise<void>[] = [];
  const send = (chunks: boolean, size: number): void => {
    const text = `${total++}:${"x".repeat(size)}`;
    const sent = ws.send(chunks && !resend ? [text.slice(0, 3), text.slice(3)] : text);
    promises.push(sent.catch((error) => {
      if (error instanceof MessageRefused) refused++;
    }));
  };
  const links = (): Link[] => network.links.filter(({ open }) => open);
  for (const octet of bytes) {
    const argument = octet >> 4;
    const step = STEPS[octet & 0x0f]!;
    if (step === "send") send(false, argument * argument * 3);
    else if (step === "chunks") send(true, argument * argument);
    else if (step === "wait") await clock.advance(argument * argument * 100);
    else if (step === "rest") await clock.advance(0);
    else if (step === "cut") { for (const link of links()) link.cut(); }
    else if (step === "half") { for (const link of links()) link.halfOpen(); }
    else if (step === "slow") { for (const link of links()) link.slow(50 * (argument + 1)); }
    else if (step === "close") {
      for (const one of reader.open) one.close(argument < 2 ? 4000 : argument < 8 ? 1012 : 1011);
    } else if (step === "stop") {
      const { server } = reader;
      reader.server = undefined;
      const closed = server?.close();
      await clock.advance(20_000);
      await closed;
    } else if (step === "start") await start();
    else if (step === "refuse") network.refuse({ with: argument < 12 ? 503 : "timeout" });
    else for (const link of links()) link.restore();
    const most = maxQueuedAmount * (queue === "drop-oldest" || queue === "drop-newest" ? 1 : 2);
    const onLink = ws.connection?.bufferedAmount ?? 0;
    assert(ws.bufferedAmount - onLink <= most, `${ws.bufferedAmount} octets wait`);
    assert(onLink <= 65_536 + LONGEST + 64, `${onLink} octets wait on the connection`);
  }
  for (const link of links()) link.restore();
  network.refuse({ times: 0 });
  await start();
  await clock.advance(400_000);
  assert(ws.state === "open" || ws.state === "closed", ws.state);
  ws.close();
  await clock.advance(30_000);
  await reader.server!.close();
  await Promise.all(promises);
  check(ws, reader, resend, total, refused);
  await clock.advance(60_000);
  assertEquals(clock.pending, []);
}

function check(
  ws: ReconnectingConnection,
  { connections }: Reader,
  resend: boolean,
  total: number,
  refused: number,
): void {
  const counts = JSON.stringify({
    sent: ws.sent,
    dropped: ws.dropped,
    unconfirmed: ws.unconfirmed,
    refused: ws.refused,
    total,
  });
  assertEquals([ws.state, ws.bufferedAmount], ["closed", 0], counts);
  assertEquals(ws.sent + ws.dropped + ws.refused, total, counts);
  assert(ws.refused >= refused, counts);
  for (const read of connections) {
    assert(read.every((number, i) => i === 0 || number > read[i - 1]!), `${read} ${counts}`);
  }
  const all = connections.flat();
  const distinct = new Set(all).size;
  if (!resend) {
    assertEquals(distinct, all.length, counts);
    assert(all.every((number, i) => i === 0 || number > all[i - 1]!), `${all} ${counts}`);
    assert(all.length <= ws.sent, counts);
  }
  // What is not unconfirmed has been read.
  assert(distinct >= ws.sent - ws.unconfirmed, `${distinct} were read: ${counts}`);
}

/** What becomes of messages when connections are lost. */
export const outages: Target<OutagesOptions> = {
  name: "outages",
  promise: "every message is accounted for, and those that are not unconfirmed have been read",
  file: "outages.ts",
  samples: samplesOf(
    fc.uint8Array({ minLength: 10, maxLength: 100 }).map((octets) => new Uint8Array(octets)),
    fc.record({
      queue: fc.constantFrom("wait", "wait", "drop-oldest", "drop-newest", "refuse"),
      resend: fc.boolean(),
      maxQueuedAmount: fc.constantFrom(1_000, 5_000, 100_000),
      seed: fc.nat(1_000_000),
    }),
  ),
  check: (bytes, _cuts, options) => run(bytes, options),
};
