// Whose bytes are whose: what leaves the library for code of others is theirs, to be changed and transferred.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { connect, PreparedMessage, serve } from "@sansocket/ws";
import { createMemoryRuntime } from "@sansocket/ws/testing";
import { createConnect, createServe, createWebRuntime } from "@sansocket/ws/web";
import type { Runtime, Transport, TransportSink } from "@sansocket/ws/core";
import * as core from "@sansocket/ws/core";
import { EMPTY } from "../../src/util/bytes.ts";
import { networks, open } from "../support/connections.ts";
import { decodeFrames } from "../support/frames.ts";
import { start } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Gives memory away, as `postMessage()` with a list of what to transfer does. */
function transfer(bytes: Uint8Array): void {
  structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] });
}

/** Messages of every kind that have a way of their own. */
function messages(): (string | Bytes | PreparedMessage)[] {
  return [
    "a",
    "é".repeat(40),
    Uint8Array.of(1, 2, 3),
    new Uint8Array(),
    new Uint8Array(1_000).fill(4),
    "x".repeat(70_000),
    new Uint8Array(70_000).fill(5),
    new PreparedMessage("prepared"),
    new PreparedMessage(new Uint8Array(70_000).fill(6)),
  ];
}

function describe(message: string | Uint8Array | PreparedMessage): string {
  if (message instanceof PreparedMessage) return `prepared ${message.length}`;
  if (typeof message === "string") return `text ${message.slice(0, 40)} ${message.length}`;
  return `bytes ${[...new Set(message)]} ${message.length}`;
}

/** Sends messages of every kind both ways over a runtime, and has them echoed; beside it a connection of the main entry. */
async function exchange(runtime: Runtime): Promise<void> {
  await using other = await serve({ port: 0, websocket: { message: (ws, data) => ws.send(data) } });
  const bystander = await connect(other.url);
  const server = await createServe(runtime)({
    websocket: { message: (ws, data) => ws.send(data) },
  });
  const ws = await createConnect(runtime)(server.url);
  const prepared = messages();
  for (let round = 0; round < 3; round++) {
    for (const message of prepared) {
      const expected = message instanceof PreparedMessage
        ? (message.length === 8 ? "prepared" : new Uint8Array(70_000).fill(6))
        : message;
      await ws.send(message);
      assertEquals(describe(await ws.receive()), describe(expected));
      bystander.send("and others");
      assertEquals(await bystander.receive(), "and others");
    }
    for (const connection of server.connections) await connection.ping();
    await ws.ping();
  }
  // What the caller gave is still the caller's.
  assertEquals(prepared.map((message) => message.length), messages().map(({ length }) => length));
  const { wasClean } = await ws.close();
  assertEquals(wasClean, true);
  await server.close();
  await bystander.close();
}

test("webTransport() gives a sink chunks that it may transfer", async () => {
  /** A pipe of bytes: its readable side is a byte stream, which transfers what is enqueued. */
  const pipe = (): { readable: ReadableStream<Bytes>; writable: WritableStream<Bytes> } => {
    let controller!: ReadableByteStreamController;
    const readable = new ReadableStream({
      type: "bytes",
      start(given) {
        controller = given;
      },
    }) as ReadableStream<Bytes>;
    const writable = new WritableStream<Bytes>({
      write(chunk) {
        controller.enqueue(chunk);
        assertEquals(chunk.length, 0);
      },
      close: () => controller.close(),
    });
    return { readable, writable };
  };
  const [there, back] = [pipe(), pipe()];
  const incoming = new ReadableStream({
    start: (controller) =>
      controller.enqueue({ readable: there.readable, writable: back.writable }),
  });
  const opened = { readable: back.readable, writable: there.writable };
  await exchange(createWebRuntime({ incoming, open: () => opened }));
});

/** A runtime whose transports are others', and transfer what they are given once they have a copy. */
function transferring(inner: Runtime): Runtime {
  const wrap = (transport: Transport): Transport => ({
    get sink() {
      return transport.sink;
    },
    set sink(sink: TransportSink) {
      transport.sink = sink;
    },
    get bufferedAmount() {
      return transport.bufferedAmount;
    },
    remoteAddress: transport.remoteAddress,
    localAddress: transport.localAddress,
    write(chunk) {
      const copy = chunk.slice();
      transfer(chunk);
      return transport.write(copy);
    },
    pause: () => transport.pause(),
    resume: () => transport.resume(),
    end: () => transport.end(),
    destroy: () => transport.destroy(),
  });
  return {
    listen: (options, accept) => inner.listen(options, (transport) => accept(wrap(transport))),
    dial: (address, options) => inner.dial(address, options).then(wrap),
  };
}

test("a transport of others is given chunks that it may transfer", async () => {
  await exchange(transferring(createMemoryRuntime()));
});

/** What comes, as it was sent by a client: each message a chunk of its own. */
function* chunks(): Generator<Bytes> {
  const encoder = new core.FrameEncoder(true);
  for (
    const [opcode, length] of [[2, 20], [2, 100], [1, 100], [1, 30], [2, 1_400], [2, 5_000], [2, 0]]
  ) {
    encoder.binary(opcode!, new Uint8Array(length!).fill(97));
    yield encoder.take()!;
  }
}

test("FrameDecoder and Protocol read messages where their user may transfer what he sees", async () => {
  await using other = await serve({ port: 0, websocket: { message: (ws, data) => ws.send(data) } });
  const bystander = await connect(other.url);
  const limits = { maxMessageSize: 10_000, maxFragments: 10 };
  // What nothing is: see the test of it.
  const given = new Set<ArrayBufferLike>([EMPTY.buffer]);
  for (let round = 0; round < 3; round++) {
    for (const chunk of chunks()) {
      const decoder = new core.FrameDecoder();
      decoder.push(chunk.slice());
      assert(decoder.readMessage(true, 10_000) !== undefined);
      given.add(decoder.bytes.buffer);
      transfer(decoder.bytes);
      for (const next of ["nextMessage", "nextEvent"] as const) {
        const protocol = new core.Protocol("server", limits);
        protocol.receive(chunk.slice());
        const message = protocol[next]();
        assert(message !== undefined);
        for (const seen of [message, protocol.data, protocol.input.bytes]) {
          if (seen instanceof Uint8Array && !given.has(seen.buffer)) transfer(seen);
          if (seen instanceof Uint8Array) given.add(seen.buffer);
        }
      }
      for (const text of ["and others", "a".repeat(100)]) {
        bystander.send(text);
        assertEquals(await bystander.receive(), text);
        bystander.send(new TextEncoder().encode(text));
        assertEquals((await bystander.receive()).length, text.length);
      }
      bystander.send(new Uint8Array());
      bystander.send(["a", "b"]);
      const [empty, joined] = [await bystander.receive(), await bystander.receive()];
      assertEquals([empty.length, joined], [0, "ab"]);
      transfer(empty as Bytes);
      await bystander.send(new PreparedMessage(new Uint8Array()));
      assertEquals((await bystander.receive()).length, 0);
      await bystander.ping(new Uint8Array());
    }
  }
  await bystander.close();
});

test("FrameEncoder, Protocol and formatAcceptance() give bytes that their taker may transfer", async () => {
  await using other = await serve({ port: 0, websocket: { message: (ws, data) => ws.send(data) } });
  const bystander = await connect(other.url);
  const protocol = new core.Protocol("server", { maxMessageSize: 1_000, maxFragments: 10 });
  const encoder = new core.FrameEncoder(false);
  const acceptance = { key: "dGhlIHNhbXBsZSBub25jZQ==", protocols: [], extensions: [] };
  for (let round = 0; round < 3; round++) {
    for (const message of messages()) {
      protocol.send(message);
      if (typeof message === "string") encoder.text(core.Opcode.text, message);
      else if (!(message instanceof PreparedMessage)) encoder.binary(core.Opcode.binary, message);
      encoder.prepared(new core.PreparedFrame(core.Opcode.binary, Uint8Array.of(1), 0));
    }
    protocol.ping(Uint8Array.of(1));
    for (const output of [protocol.output, encoder]) {
      let taken = 0;
      for (let batch = output.take(); batch !== undefined; batch = output.take()) {
        taken += batch.length;
        transfer(batch);
      }
      assert(taken > 100_000);
    }
    const response = core.formatAcceptance(acceptance, { protocol: undefined, headers: [] });
    assertStringIncludes(
      new TextDecoder().decode(response),
      "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    );
    transfer(response);
    bystander.send("and others");
    assertEquals(await bystander.receive(), "and others");
  }
  encoder.text(core.Opcode.text, "still works");
  const [frame] = decodeFrames(encoder.take()!);
  assertEquals(new TextDecoder().decode(frame!.payload), "still works");
  await bystander.close();
});

test("an empty message has a buffer of its own", async () => {
  for (const [kind, create] of Object.entries(networks)) {
    for (const compression of kind === "memory" ? [false] : [false, true]) {
      await using ends = await open(create(), { compression }, { compression });
      const { client, server } = ends;
      const buffers = new Set<ArrayBufferLike>([EMPTY.buffer]);
      for (const [from, to] of [[client, server], [server, client]] as const) {
        for (const message of [new Uint8Array(), [new Uint8Array()], new Blob([])]) {
          void from.send(message);
          const received = await to.receive() as Bytes;
          assertEquals([received.length, buffers.has(received.buffer)], [0, false]);
          buffers.add(received.buffer);
          transfer(received);
        }
      }
    }
  }
});

test("whatever is empty may be transferred, and all else goes on", async () => {
  const child = start(runtime, "test/support/detached_empty.ts");
  await child.waitFor(/done/);
  assertEquals(await child.exit, 0);
});
