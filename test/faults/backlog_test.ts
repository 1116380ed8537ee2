// What waits for peers that do not read: the memory that it takes, beside others that read, and the time to give it back.

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import net from "node:net";
import process from "node:process";
import { setImmediate } from "node:timers";
import { type Overflow, PreparedMessage, serve, type WebSocketConnection } from "@sansocket/ws";
import { settled } from "../support/connections.ts";
import { openFake } from "../support/established.ts";
import { decodeFrames } from "../support/frames.ts";
import { handshake } from "../support/raw.ts";
import { concat } from "../../src/util/bytes.ts";
import { runtime, test } from "../support/test.ts";
import { dropPeers, emptied, mebibytes, openPeers, show, size, until } from "./measure.ts";
import { memoryInUse } from "./memory.ts";

const MIB = 1_048_576;
/** By the octets of a message: how many are broadcast. */
const counts = new Map([[20, 5_000], [400, 5_000], [4_400, 2_000]]);

/** The messages of a broadcast, each different and kept by nobody else. */
const kinds: {
  [kind: string]: (i: number, length: number) => string | Uint8Array | PreparedMessage;
} = {
  // A part of a larger string keeps all of that on V8.
  texts: (i, length) => `${i} ${"x".repeat(100_000)}`.slice(0, length),
  // As a message that was received: a view on the chunk that it came in.
  views: (i, length) => new Uint8Array(65_536).fill(i).subarray(100, 100 + length),
  "prepared messages": (i, length) => new PreparedMessage(new Uint8Array(length).fill(i)),
};

/** A turn of the event loop: what is sent in one leaves in one write. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Sends until the system takes no more. */
async function fill(ws: WebSocketConnection): Promise<void> {
  const block = new Uint8Array(60_000);
  for (let same = 0, before = -1; same < 5; same++) {
    if (ws.bufferedAmount !== before) same = 0;
    if (ws.bufferedAmount < 100_000) void ws.send(block);
    before = ws.bufferedAmount;
    await settled();
  }
}

/** A peer that reads all that comes, and how much that was. */
function openReader(port: number): { readonly received: number; close(): Promise<void> } {
  const socket = net.connect({ host: "127.0.0.1", port });
  socket.write(handshake());
  let received = 0;
  socket.on("data", ({ length }) => received += length);
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  return {
    get received() {
      return received;
    },
    close() {
      socket.destroy();
      return closed;
    },
  };
}

/** Octets that are in use, when what nobody needs has gone; memory outside of the heap goes a while after a collection. */
async function inUse(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    memoryInUse();
    await settled();
  }
  // Bun counts what is outside of its heap as in it.
  return runtime === "bun" ? process.memoryUsage().heapUsed : memoryInUse();
}

for (const overflow of ["close", "drop-oldest"] as Overflow[]) {
  for (const [length, count] of counts) {
    for (const [kind, make] of Object.entries(kinds)) {
      if (length === 400 && kind !== "views") continue;
      test(
        `send() of ${count} ${kind} of ${length} octets takes 1.5 times what waits (${overflow})`,
        async () => {
          await using server = await serve({
            port: 0,
            overflow,
            maxBufferedAmount: 256 * MIB,
            heartbeat: false,
            websocket: { open: (ws) => ws.closed.then(() => {}) },
          });
          const stalled = await openPeers(server.port, Math.ceil(2 * MIB / (count * (length + 4))));
          for (const peer of stalled) peer.pause();
          const waiting = [...server.connections];
          await Promise.all(waiting.map(fill));
          // Those who read share the memory that is written from.
          const readers = Array.from({ length: 3 }, () => openReader(server.port));
          await until(() => server.connections.size === stalled.length + readers.length);
          const before = { inUse: await inUse(), waiting: sum(waiting) };
          for (let i = 0; i < count; i++) {
            const message = make(i % 256, length);
            for (const ws of server.connections) void ws.send(message);
            if (i % 4 === 0) await turn();
          }
          await until(() => readers.every(({ received }) => received > count * length));
          const more = {
            inUse: await inUse() - before.inUse,
            waiting: sum(waiting) - before.waiting,
          };
          assert(more.waiting >= stalled.length * count * length, `${more.waiting} octets wait`);
          show(
            `${count} ${kind} of ${length} octets for ${stalled.length} who do not read, ${overflow}`,
            { waiting: mebibytes(more.waiting), "in use more": mebibytes(more.inUse) },
          );
          assertLessOrEqual(more.inUse, 1.5 * more.waiting + MIB / 2);
          await dropPeers(stalled);
          await Promise.all(readers.map((reader) => reader.close()));
          await emptied(server);
        },
        { timeout: 120_000 },
      );
    }
  }
}

function sum(connections: readonly WebSocketConnection[]): number {
  return connections.reduce((sum, { bufferedAmount }) => sum + bufferedAmount, 0);
}

for (const overflow of ["drop-oldest", "drop-newest", "wait"] as const) {
  test(`overflow "${overflow}" takes its time for each message, however many wait`, async () => {
    // With a time for each that grows with their number this takes minutes.
    const total = size(300_000, 3_000_000);
    await using fake = openFake({ overflow, maxBufferedAmount: 8_000_000 });
    const { connection: ws, transport } = fake;
    transport.congested = true;
    void ws.send(new Uint8Array(100_000));
    const started = performance.now();
    for (let i = 0; i < total; i++) {
      void ws.send(`${i}`.padStart(20));
      if (i % 10_000 === 0) await settled();
    }
    await settled();
    const given = performance.now();
    const { dropped } = ws;
    // The transport takes 64 KiB at a time, and then no more until it drains.
    const received: string[] = [];
    const write = transport.write.bind(transport);
    transport.write = (chunk) => {
      transport.congested = true;
      return write(chunk);
    };
    while (ws.bufferedAmount > 0) {
      const { writes } = transport;
      for (const { opcode, payload } of decodeFrames(concat(writes.splice(0)))) {
        if (opcode === 1) received.push(new TextDecoder().decode(payload));
      }
      transport.drain();
    }
    for (const { payload } of decodeFrames(concat(transport.writes.splice(0)))) {
      received.push(new TextDecoder().decode(payload));
    }
    show(`${total} messages of 20 octets, ${overflow}`, {
      "taken in": `${Math.round(given - started)} ms`,
      "given back in": `${Math.round(performance.now() - given)} ms`,
      dropped,
    });
    assertEquals(received.length, total - dropped);
    const first = overflow === "drop-oldest" ? dropped : 0;
    assert(received.every((text, i) => Number(text) === first + i));
  }, { timeout: 120_000 });
}
