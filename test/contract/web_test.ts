import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { createWebRuntime, type StreamOpenOptions } from "../../runtimes/web/runtime.ts";
import { type ByteStreamPair, webTransport } from "../../src/transport/web_transport.ts";
import { test } from "../support/test.ts";
import { type Pair, Peer } from "./peer.ts";
import { streamSuite } from "./stream_suite.ts";

function connect(): Promise<Pair> {
  const there = new TransformStream<Uint8Array, Uint8Array>();
  const back = new TransformStream<Uint8Array, Uint8Array>();
  const a = new Peer(webTransport({ readable: back.readable, writable: there.writable }));
  const b = new Peer(webTransport({ readable: there.readable, writable: back.writable }));
  const finish = async () => {
    await Promise.all([a.finish(), b.finish()]);
  };
  return Promise.resolve({ a, b, finish });
}

streamSuite("webTransport", connect, undefined);

const address = { hostname: "example.org", port: 443 };

test("createWebRuntime leaves TLS and unix sockets to the one who opens", async () => {
  const asked: StreamOpenOptions[] = [];
  const runtime = createWebRuntime({
    open: (_address, options) => {
      asked.push(options);
      return new TransformStream<Uint8Array, Uint8Array>();
    },
  });
  const tls = { ca: "" };
  for (const options of [{ tls }, { path: "/run/chat.sock" }, {}]) {
    (await runtime.dial(address, { signal: undefined, ...options })).destroy();
  }
  assertEquals(asked, [
    { tls, path: undefined },
    { tls: undefined, path: "/run/chat.sock" },
    { tls: undefined, path: undefined },
  ]);
});

test("createWebRuntime refuses to listen with what it has no say in", async () => {
  const incoming = new ReadableStream<ByteStreamPair>();
  const runtime = createWebRuntime({ incoming });
  for (const more of [{ tls: { key: "", cert: "" } }, { path: "/run/chat.sock" }]) {
    await assertRejects(() => runtime.listen({ ...address, ...more }, () => {}), TypeError);
  }
  assertEquals(incoming.locked, false);
});

test("createWebRuntime gives up an attempt that hangs, and closes what it opens too late", async () => {
  let opened!: (pair: ByteStreamPair) => void;
  const runtime = createWebRuntime({ open: () => new Promise((resolve) => opened = resolve) });
  const controller = new AbortController();
  const dialling = runtime.dial(address, { signal: controller.signal });
  const reason = new Error("Changed my mind");
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => dialling, Error), reason);
  const cancelled = new Promise((resolve) => {
    opened({ readable: new ReadableStream({ cancel: resolve }), writable: new WritableStream() });
  });
  assertEquals(String(await cancelled), "Error: The transport was destroyed");
});
