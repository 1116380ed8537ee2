// Values of another realm or library go through the public surface as the platform's own do.

import {
  connect,
  ConnectionClosed,
  PreparedMessage,
  serve,
  serveFiles,
  WebSocket,
  type WebSocketConnection,
  WebSocketStream,
} from "@sansocket/ws";
import { createConnect, createWebRuntime, webTransport } from "@sansocket/ws/web";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { networks, open, withResolvers } from "./support/connections.ts";
import {
  foreign,
  ForeignBlob,
  foreignBytes,
  ForeignHeaders,
  ForeignResponse,
  ForeignSignal,
} from "./support/realm.ts";
import { test } from "./support/test.ts";

/** The octets 1, 2, 3 and 4, in all that memory can be, in another realm. */
const memory: Readonly<Record<string, ArrayBufferLike | ArrayBufferView>> = foreign(`(() => {
  const fill = (buffer) => {
    new Uint8Array(buffer).set([1, 2, 3, 4]);
    return buffer;
  };
  const shared = fill(new SharedArrayBuffer(4));
  const resizable = fill(new ArrayBuffer(4, { maxByteLength: 8 }));
  const around = new Uint8Array([9, 1, 2, 3, 4, 9]).buffer;
  return {
    bytes: new Uint8Array([1, 2, 3, 4]),
    buffer: fill(new ArrayBuffer(4)),
    part: new DataView(around, 1, 4),
    wide: new Uint16Array(fill(new ArrayBuffer(4))),
    signed: new Int8Array(fill(new ArrayBuffer(4))),
    shared,
    sharedView: new Uint8Array(shared),
    resizable,
    resizableView: new Uint8Array(resizable),
  };
})()`);

const large = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);

for (const [name, network] of Object.entries(networks)) {
  for (const end of ["client", "server"] as const) {
    const both = (
      what: string,
      body: (sender: WebSocketConnection, receiver: WebSocketConnection) => Promise<void>,
    ): void =>
      test(`${what}, by the ${end} over ${name}`, async () => {
        await using pair = await open(network());
        await body(pair[end], pair[end === "client" ? "server" : "client"]);
      });

    both("send() takes bytes of another realm", async (sender, receiver) => {
      for (const data of Object.values(memory)) {
        await sender.send(data);
        assertEquals(await receiver.receive(), decodeHex("01020304"));
        await sender.send(data, { binary: false });
        assertEquals(await receiver.receive(), "\x01\x02\x03\x04");
        await sender.send(new PreparedMessage(data));
        assertEquals(await receiver.receive(), decodeHex("01020304"));
        await sender.send([data, decodeHex("05"), data]);
        assertEquals(await receiver.receive(), decodeHex("010203040501020304"));
      }
      const sent = sender.send(foreignBytes(large));
      assertEquals(await receiver.receive(), large);
      await sent;
    });

    both("send() takes chunks and a Blob of another realm", async (sender, receiver) => {
      await sender.send(foreign<string[]>("['a', 'b']"));
      assertEquals(await receiver.receive(), "ab");
      await sender.send(foreign<Uint8Array[]>("[new Uint8Array([1]), new Uint8Array([2])]"));
      assertEquals(await receiver.receive(), decodeHex("0102"));
      const sent = sender.send(new ForeignBlob(large) as unknown as Blob);
      assertEquals(await receiver.receive(), large);
      await sent;
    });

    both("send() refuses what is no message, and sends nothing of it", async (sender, receiver) => {
      for (const data of [{}, [], [1], ["a", decodeHex("00")], null, 7, foreign("({})")]) {
        const { message } = assertThrows(() => sender.send(data as string), TypeError);
        assert(message.includes("sendJson()"), message);
      }
      await sender.send("unharmed");
      assertEquals(await receiver.receive(), "unharmed");
    });

    both("writable takes bytes of another realm", async (sender, receiver) => {
      const writer = sender.writable.getWriter();
      for (const data of Object.values(memory)) {
        await writer.write(data);
        assertEquals(await receiver.receive(), decodeHex("01020304"));
      }
    });

    both("receive() takes a signal that is none of the platform's", async (sender, receiver) => {
      const signal = new ForeignSignal();
      const aborted = receiver.receive({ signal: signal as unknown as AbortSignal });
      signal.abort();
      assertEquals((await assertRejects(() => aborted, DOMException)).name, "AbortError");
      const late = receiver.receive({ signal: signal as unknown as AbortSignal });
      assertEquals((await assertRejects(() => late, DOMException)).name, "AbortError");
      await sender.send("next");
      assertEquals(await receiver.receive(), "next");
    });
  }
}

test("ping() takes bytes of another realm", async () => {
  const pings: string[] = [];
  const server = await serve({
    port: 0,
    websocket: { ping: (_, payload) => pings.push(encodeHex(payload)) },
  });
  const ws = await connect(server.url);
  for (const data of Object.values(memory)) await ws.ping(data);
  assertEquals(pings, Object.keys(memory).map(() => "01020304"));
  ws.terminate();
  await server.close();
});

/** A server that echoes. */
const echo = () =>
  serve({ port: 0, websocket: { message: (ws: WebSocketConnection, data) => ws.send(data) } });

test("WebSocket.send() takes buffers, views and a Blob of another realm", async () => {
  const server = await echo();
  const ws = new WebSocket(server.url);
  ws.binaryType = "arraybuffer";
  const received = withResolvers<unknown[]>();
  const messages: unknown[] = [];
  const names = ["bytes", "buffer", "part", "wide", "signed"];
  ws.onopen = () => {
    for (const name of names) ws.send(memory[name] as ArrayBuffer);
    ws.send(new ForeignBlob(decodeHex("01020304")) as unknown as Blob);
    ws.send(foreignBytes(large));
  };
  ws.onmessage = ({ data }) => {
    messages.push(data);
    if (messages.length === names.length + 2) received.resolve(messages);
  };
  const all = (await received.promise) as ArrayBuffer[];
  const [last, ...rest] = all.map((data) => encodeHex(new Uint8Array(data))).reverse();
  assertEquals(rest, Array.from(rest, () => "01020304"));
  assertEquals(last, encodeHex(large));
  ws.close();
  await server.close();
});

test("WebSocketStream writes buffers and views of another realm", async () => {
  const server = await echo();
  const stream = new WebSocketStream(server.url);
  const { readable, writable } = await stream.opened;
  const writer = writable.getWriter();
  const reader = readable.getReader();
  for (const name of ["bytes", "buffer", "part", "wide", "signed"]) {
    await writer.write(memory[name] as ArrayBuffer);
    assertEquals((await reader.read()).value, decodeHex("01020304"));
  }
  stream.close();
  await stream.closed;
  await server.close();
});

test("connect() takes a URL, header fields and a signal that are none of the platform's", async () => {
  const server = await serve({
    port: 0,
    fetch: ({ headers }, { upgrade }) =>
      upgrade((ws) => ws.send(headers.get("x-who") ?? ""), {
        headers: new ForeignHeaders(["set-cookie", "a=1"], ["set-cookie", "b=2"]) as never,
      }),
  });
  const url = { href: server.url, toString: () => server.url } as URL;
  const cookies: string[] = [];
  const signal = new ForeignSignal();
  const ws = await connect(url, {
    headers: new ForeignHeaders(["x-who", "foreign"]) as never,
    signal: signal as unknown as AbortSignal,
    cookies: { get: () => undefined, set: (_, cookie) => cookies.push(cookie) },
  });
  assertEquals(await ws.receive(), "foreign");
  assertEquals(cookies, ["a=1", "b=2"]);
  await ws.closed;
  signal.abort();
  const late = connect(url, { signal: signal as unknown as AbortSignal });
  assertEquals((await assertRejects(() => late, DOMException)).name, "AbortError");
  await server.close();
});

test("connect() rejects when a signal that is none of the platform's fires", async () => {
  const asked = withResolvers<void>();
  const answer = withResolvers<Response>();
  const { serve, connect } = networks.memory();
  const server = await serve({
    fetch: () => {
      asked.resolve();
      return answer.promise;
    },
  });
  const signal = new ForeignSignal();
  const connecting = connect(server.url, { signal: signal as unknown as AbortSignal });
  await asked.promise;
  signal.abort();
  assertEquals((await assertRejects(() => connecting, DOMException)).name, "AbortError");
  answer.resolve(new Response("late"));
  await server.close();
});

test("serve() answers with a Response, and with chunks, of another realm", async () => {
  const errors: unknown[] = [];
  const response = () => new ForeignResponse("from abroad", 418, ["x-own", "1"]) as never;
  const body = () =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(foreignBytes(decodeHex("6279746573")));
        controller.close();
      },
    });
  const server = await serve({
    port: 0,
    error: (error) => errors.push(error),
    routes: {
      "/constant": response(),
      "/function": response,
      "/chunks": () => new Response(body()),
    },
  });
  for (const path of ["/constant", "/constant", "/function"]) {
    const got = await fetch(new URL(path, server.url));
    assertEquals([got.status, got.headers.get("x-own"), await got.text()], [
      418,
      "1",
      "from abroad",
    ]);
  }
  assertEquals(await (await fetch(new URL("/chunks", server.url))).text(), "bytes");
  assertEquals(errors, []);
  await server.close();
});

test("serveFiles() takes a file URL that is none of the platform's", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sansocket-"));
  writeFileSync(join(folder, "page.txt"), "a page");
  const { href } = pathToFileURL(`${folder}/`);
  const server = await serve({ port: 0, routes: { "/*": serveFiles({ href } as URL) } });
  assertEquals(await (await fetch(new URL("page.txt", server.url))).text(), "a page");
  await server.close();
  rmSync(folder, { recursive: true });
});

test("serve() reports an error of another realm as it was thrown", async () => {
  const error = foreign<Error>("new RangeError('mine')");
  const errors: unknown[] = [];
  const server = await serve({
    port: 0,
    websocket: () => {
      throw error;
    },
    error: (error) => errors.push(error),
  });
  const ws = await connect(server.url);
  assertEquals((await ws.closed).code, 1011);
  await server.close();
  assertStrictEquals(errors[0], error);
});

test("webTransport() takes bytes, and errors, of another realm", async () => {
  const error = foreign<Error>("new RangeError('mine')");
  const got: Uint8Array[] = [];
  const closed = withResolvers<unknown>();
  const chunks = [
    foreignBytes([1, 2]),
    foreign<Uint8Array>("new Uint8Array(new SharedArrayBuffer(2))"),
  ];
  const readable = new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk === undefined) controller.error(error);
      else controller.enqueue(chunk);
    },
  });
  const transport = webTransport({ readable, writable: new WritableStream() });
  transport.sink = {
    data: (chunk) => void got.push(chunk),
    end() {},
    drain() {},
    closed: closed.resolve,
  };
  transport.resume();
  assertStrictEquals(await closed.promise, error);
  assertEquals(got, [decodeHex("0102"), decodeHex("0000")]);
  for (const chunk of got) assertInstanceOf(chunk, Uint8Array);
  // What is shared can change.
  assertInstanceOf(got[1]?.buffer, ArrayBuffer);
});

test("connect() over streams rejects with what a function of another realm threw", async () => {
  const error = foreign<Error>("new RangeError('mine')");
  const dial = createConnect(createWebRuntime({ open: () => Promise.reject(error) }));
  await dial("ws://127.0.0.1/").then(
    () => assert(false),
    (thrown) => assertStrictEquals(thrown, error),
  );
});

test("ConnectionClosed that a handler lets through is no fault, whichever copy of the class it is of", async () => {
  const errors: unknown[] = [];
  class Copy extends Error {}
  Object.defineProperty(Copy.prototype, Symbol.for("@sansocket/ws/ConnectionClosed"), {
    value: true,
  });
  assertInstanceOf(new Copy(), ConnectionClosed);
  const server = await serve({
    port: 0,
    websocket: async (ws) => {
      await ws.closed;
      throw new Copy();
    },
    error: (error) => errors.push(error),
  });
  const ws = await connect(server.url);
  await ws.close();
  await server.close();
  assertEquals(errors, []);
});
