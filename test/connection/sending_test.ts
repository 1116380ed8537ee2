// What is sent does not change on its way, whatever its sender does with it once `send()` has settled.

import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { PreparedMessage, type WebSocketConnection } from "@sansocket/ws";
import { networks, open, settled } from "../support/connections.ts";
import { test } from "../support/test.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Gives memory away, as `postMessage()` with a list of what to transfer does. */
function transfer(bytes: Uint8Array): void {
  structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] });
}

interface ResizableBuffer extends ArrayBuffer {
  resize(length: number): void;
}

/** A view on all of a buffer that can be resized. */
function resizable(length: number): Bytes {
  const Resizable = ArrayBuffer as unknown as new (
    length: number,
    options: { maxByteLength: number },
  ) => ResizableBuffer;
  return new Uint8Array(new Resizable(length, { maxByteLength: length }));
}

/** How a sender goes on once it has been told that a message was sent; `i` numbers the messages. */
const senders: {
  [how: string]: (
    ws: WebSocketConnection,
    size: number,
    count: number,
    step: () => void,
  ) => Promise<
    void
  >;
} = {
  async "fills its buffer again"(ws, size, count, step) {
    const buffer = new Uint8Array(size);
    for (let i = 0; i < count; i++, step()) await ws.send(buffer.fill(i));
    buffer.fill(0xff);
  },
  async "sends parts of one buffer, as views of other kinds"(ws, size, count, step) {
    const buffer = new Uint8Array(size + 4);
    const view = new DataView(buffer.buffer, 4, size);
    for (let i = 0; i < count; i++, step()) {
      buffer.fill(i);
      await ws.send(view);
    }
    buffer.fill(0xff);
  },
  async "fills its Buffer again"(ws, size, count, step) {
    const buffer = Buffer.alloc(size);
    for (let i = 0; i < count; i++, step()) await ws.send(buffer.fill(i));
    buffer.fill(0xff);
  },
  async "transfers its buffer"(ws, size, count, step) {
    for (let i = 0; i < count; i++, step()) {
      const buffer = new Uint8Array(size).fill(i);
      await ws.send(buffer);
      transfer(buffer);
    }
  },
  async "resizes its buffer"(ws, size, count, step) {
    for (let i = 0; i < count; i++, step()) {
      const buffer = resizable(size).fill(i) as Bytes;
      await ws.send(buffer);
      (buffer.buffer as ResizableBuffer).resize(0);
    }
  },
  async "writes to the stream"(ws, size, count, step) {
    const buffer = new Uint8Array(size);
    const writer = ws.writable.getWriter();
    for (let i = 0; i < count; i++, step()) await writer.write(buffer.fill(i));
    buffer.fill(0xff);
  },
  async "prepares messages"(ws, size, count, step) {
    const buffer = Buffer.alloc(size);
    for (let i = 0; i < count; i++, step()) {
      const message = new PreparedMessage(buffer.fill(i));
      buffer.fill(0xff);
      await ws.send(message);
    }
  },
  async "sends messages in chunks"(ws, size, count, step) {
    const buffer = new Uint8Array(size);
    for (let i = 0; i < count; i++, step()) {
      await ws.send((function* () {
        yield buffer.fill(i).subarray(0, 10_000);
        buffer.fill(0xff);
        yield buffer.fill(i).subarray(10_000);
        buffer.fill(0xff);
      })());
    }
    buffer.fill(0xff);
  },
};

/** Waits until the sender does not get on any more. */
async function stalled(progress: () => number): Promise<void> {
  for (let before = -1, quiet = 0; quiet < 10; quiet++) {
    if (progress() !== before) quiet = 0;
    before = progress();
    await settled();
  }
}

const readers: {
  [how: string]: (progress: () => number, message: number) => Promise<void> | void;
} = {
  fast: () => {},
  slow: (_, message) => message % 4 === 0 ? settled() : undefined,
  stalled: (progress, message) => message === 0 ? stalled(progress) : undefined,
};

const ALL_SIZES = [60_000, 65_535, 65_536, 66_000, 100_000, 327_000, 600_000];

for (const [kind, create] of Object.entries(networks)) {
  for (const [how, sendAll] of Object.entries(senders)) {
    test(`send() is settled when nothing is read any more, and its sender ${how} (${kind})`, async () => {
      for (const [speed, pause] of Object.entries(readers)) {
        for (const size of how === "fills its buffer again" ? ALL_SIZES : [66_000, 327_000]) {
          const options = { maxMessageSize: size, maxBufferedAmount: 2 ** 30 };
          await using ends = await open(create(), options, options);
          // More than the system holds, where the reader stalls.
          const total = kind === "tcp" && speed === "stalled" ? 16_000_000 : 1_000_000;
          const count = Math.ceil(total / size);
          for (
            const [from, to] of [[ends.server, ends.client], [ends.client, ends.server]] as const
          ) {
            let sent = 0;
            const sending = sendAll(from, size, count, () => sent++);
            for (let i = 0; i < count; i++) {
              await pause(() => sent, i);
              const message = Buffer.from(await to.receive() as Bytes);
              assert(
                message.equals(Buffer.alloc(size, i)),
                `${speed}, ${size} octets, message ${i}`,
              );
            }
            await sending;
          }
        }
      }
    });
  }
}

test("send() whose buffer is transferred too early costs its connection at most", async () => {
  for (const [, create] of Object.entries(networks)) {
    await using ends = await open(create(), { maxBufferedAmount: 2 ** 30 });
    await using others = await open(create());
    const buffers = Array.from({ length: 40 }, () => new Uint8Array(600_000));
    const sent = buffers.map((buffer) => ends.server.send(buffer));
    buffers.forEach(transfer);
    await Promise.race([
      ends.client.closed,
      Promise.all(buffers.map(() => ends.client.receive().catch(() => {}))),
    ]);
    ends.client.terminate();
    await Promise.allSettled(sent);
    others.client.send("goes on");
    assertEquals(await others.server.receive(), "goes on");
  }
});

test("ping() has its payload when it returns", async () => {
  for (const [, create] of Object.entries(networks)) {
    await using ends = await open(create());
    const payload = Buffer.from("ping");
    const answered = ends.client.ping(payload);
    payload.fill(0);
    const received = ends.server.receive().catch(() => {});
    await answered;
    ends.client.terminate();
    await received;
  }
});
