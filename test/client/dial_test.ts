// connect() over a byte stream that the program opens.

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import net from "node:net";
import { Duplex } from "node:stream";
import tls from "node:tls";
import {
  connect,
  type ConnectOptions,
  createDevelopmentCertificate,
  type DialFunction,
  type DialledStream,
  HandshakeError,
  serve,
} from "@sansocket/ws";
import { createNetwork } from "@sansocket/ws/testing";
import { createConnect } from "../../src/client/connect.ts";
import { createClocked } from "../support/clocked.ts";
import { settled } from "../support/connections.ts";
import { withoutRow } from "../support/error_rows.ts";
import { RawServer } from "../support/raw.ts";
import { freePort } from "../support/redis_server.ts";
import { test } from "../support/test.ts";

const certificate = await createDevelopmentCertificate();

/** A stream that gives nothing, and says what becomes of it. */
function idle(): { stream: DialledStream; cancelled: Promise<unknown> } {
  let cancel!: (reason: unknown) => void;
  const cancelled = new Promise<unknown>((resolve) => cancel = resolve);
  return {
    stream: { readable: new ReadableStream({ cancel }), writable: new WritableStream() },
    cancelled,
  };
}

/** A socket as web streams. Duplex.toWeb() fails on Deno when the socket ends, and aborts on Node. */
function streamsOf(socket: net.Socket): DialledStream {
  let cancelled!: () => void;
  const written = (chunk: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) =>
      socket.write(chunk, (error) => error ? reject(error) : resolve())
    );
  return {
    readable: new ReadableStream({
      start(controller) {
        socket.on("data", (chunk: Uint8Array) => {
          controller.enqueue(new Uint8Array(chunk));
          if (controller.desiredSize! <= 0) socket.pause();
        });
        const end = () => controller.close();
        socket.on("end", end).on("error", (error) => controller.error(error));
        // Bun tells of an end behind this.
        cancelled = () => socket.off("end", end).destroy();
      },
      pull: () => void socket.resume(),
      cancel: () => void cancelled(),
    }),
    writable: new WritableStream({
      write: written,
      close: () => new Promise((resolve) => socket.end(resolve)),
      abort: () => void socket.destroy(),
    }),
  };
}

const kinds: [what: string, open: (port: number) => DialledStream | Promise<DialledStream>][] = [
  ["a socket that still connects", (port) => net.connect(port, "127.0.0.1")],
  ["a stream on top of a socket", (port) => {
    const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const stream = new Duplex({
      read: () => void socket.resume(),
      write: (chunk, _encoding, done) => void socket.write(chunk, done),
      final: (done) => void socket.end(done),
      destroy(error, done) {
        socket.destroy();
        done(error);
      },
    });
    socket.on("data", (chunk) => {
      if (!stream.push(chunk)) socket.pause();
    });
    socket.on("end", () => stream.push(null)).on("error", (error) => stream.destroy(error));
    return stream;
  }],
  [
    "web streams",
    (port) => streamsOf(net.connect({ port, host: "127.0.0.1", allowHalfOpen: true })),
  ],
];

for (const [what, open] of kinds) {
  for (const secure of [false, true]) {
    test(`connect() runs over ${what}, ${secure ? "with TLS" : "without TLS"}`, async () => {
      await using server = await serve({
        port: 0,
        ...(secure ? { tls: certificate } : {}),
        websocket: { message: (ws, message) => ws.send(message) },
      });
      const asked: unknown[] = [];
      const dial: DialFunction = (address, { path, signal }) => {
        asked.push([address, path, signal.aborted]);
        return open(server.port);
      };
      const ws = await connect(`${secure ? "wss" : "ws"}://localhost/chat`, {
        dial,
        ...(secure ? { tls: { ca: certificate.cert } } : {}),
      });
      assertEquals(asked, [[{ hostname: "localhost", port: secure ? 443 : 80 }, undefined, false]]);
      const large = new Uint8Array(1_048_576).map((_, i) => i * 7);
      await ws.send(large);
      assertEquals(await ws.receive(), large);
      assertEquals((await ws.close()).wasClean, true);
    });
  }
}

test("connect() leaves the TLS of a stream that is encrypted alone", async () => {
  await using server = await serve({
    port: 0,
    tls: certificate,
    websocket: (ws) => ws.send("hi"),
  });
  const dial = async (): Promise<DialledStream> => {
    const socket = tls.connect({ port: server.port, host: "127.0.0.1", ca: certificate.cert });
    await new Promise((resolve) => socket.once("secureConnect", resolve));
    return socket;
  };
  const ws = await connect("wss://a.example", { dial });
  assertEquals(await ws.receive(), "hi");
  await ws.close();
});

test("connect() opens a stream for each redirection", async () => {
  const asked: string[] = [];
  const connecting = connect("ws://a.example", {
    maxRedirects: 1,
    dial({ hostname, port }) {
      asked.push(`${hostname}:${port}`);
      if (asked.length > 1) throw new Error("No further");
      const answer = "HTTP/1.1 302 Found\r\nLocation: ws://b.example:81/\r\n\r\n";
      return {
        readable: new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode(answer)),
        }),
        writable: new WritableStream(),
      };
    },
  });
  await assertRejects(() => connecting, Error, "No further");
  assertEquals(asked, ["a.example:80", "b.example:81"]);
});

test("connect() passes on what dial() throws, or rejects with", async () => {
  const mistake = new Error("No way");
  const ways: DialFunction[] = [() => Promise.reject(mistake), () => {
    throw mistake;
  }];
  for (const dial of ways) {
    const error = await assertRejects(() => connect("ws://a.example", { dial }), Error);
    assertStrictEquals(error, mistake);
  }
});

test("connect() gives up on a dial() that hangs, and closes what it gives too late", async () => {
  for (const how of ["signal", "timeout"] as const) {
    const { clock, connect } = createClocked();
    const controller = new AbortController();
    const reason = new Error("Changed my mind");
    let give!: (stream: DialledStream) => void;
    let told: AbortSignal | undefined;
    const connecting = connect("ws://a.example", {
      handshakeTimeout: 5_000,
      signal: controller.signal,
      dial: (_address, { signal }) => {
        told = signal;
        return new Promise((resolve) => give = resolve);
      },
    });
    connecting.catch(() => {});
    if (how === "signal") controller.abort(reason);
    else await clock.advance(5_000);
    const error = await assertRejects(() => connecting, Error);
    if (how === "signal") assertStrictEquals(error, reason);
    else {assertEquals([error.name, (error as HandshakeError).code], [
        "HandshakeError",
        "ETIMEDOUT",
      ]);}
    assertEquals(told?.aborted, true);
    const { stream, cancelled } = idle();
    give(stream);
    await cancelled;
  }
});

test("connect() ends a stream that says nothing in time, or whose signal fires", async () => {
  for (const how of ["signal", "timeout"] as const) {
    const { clock, connect } = createClocked();
    const controller = new AbortController();
    const { stream, cancelled } = idle();
    const connecting = connect("ws://a.example", {
      handshakeTimeout: 5_000,
      signal: controller.signal,
      dial: () => stream,
    });
    connecting.catch(() => {});
    await settled();
    if (how === "signal") controller.abort();
    else await clock.advance(5_000);
    await assertRejects(() => connecting, Error);
    await cancelled;
  }
});

test("connect() refuses what is no byte stream", async () => {
  const wrong: [unknown, string][] = [
    [undefined, "undefined"],
    [null, "null"],
    [5, "5"],
    [{}, "an object"],
    [{ readable: {}, writable: {} }, "an object"],
    [{ readable: new ReadableStream() }, "an object"],
  ];
  for (const [given, got] of wrong) {
    await assertRejects(
      () => connect("ws://a.example", { dial: () => given as DialledStream }),
      TypeError,
      `Expected dial() to give { readable, writable }, two web streams, or a Duplex, got ${got}`,
    );
  }
});

test("connect() refuses options that do not go with dial", async () => {
  const dial = (): DialledStream => ({ ...idle().stream, encrypted: true });
  const refused: [ConnectOptions, string][] = [
    [{ dial, proxy: "http://p" }, "Expected dial or proxy, got both"],
    [{ dial, tls: {} }, "Expected no tls with a stream that dial() has encrypted already"],
  ];
  for (const [options, message] of refused) {
    await assertRejects(() => connect("wss://a.example", options), TypeError, message);
  }
});

test("connect() refuses wss: over a stream where the runtime cannot run TLS, and closes it", async () => {
  const { stream, cancelled } = idle();
  const { connect } = createNetwork();
  await assertRejects(
    () => connect("wss://a.example", { dial: () => stream }),
    TypeError,
    "Expected encrypted: true of dial() for wss:",
  );
  await cancelled;
  const runtime = { dial: () => Promise.reject(new Error("not this one")) };
  const error = await assertRejects(
    () =>
      createConnect(runtime)("wss://a.example", {
        dial: () => ({
          readable: new ReadableStream({ start: (controller) => controller.close() }),
          writable: new WritableStream(),
          encrypted: true,
        }),
      }),
    HandshakeError,
  );
  assertEquals(
    withoutRow(error.message),
    "The connection ended before the server's handshake was complete",
  );
});

test("connect() rejects with what a socket that dial() gives fails with", async () => {
  const port = await freePort();
  const connecting = connect("ws://a.example", { dial: () => net.connect(port, "127.0.0.1") });
  const error = await assertRejects(() => connecting, HandshakeError);
  assertEquals(error.code, "ECONNREFUSED");
  const gone = new Duplex({ read() {} }).destroy();
  await assertRejects(
    () => connect("ws://a.example", { dial: () => gone }),
    Error,
    "Expected dial() to give an open stream, got one that is destroyed",
  );
});

test("connect() rejects at once with what ended the streams that dial() gives", async () => {
  const broken = new Error("The tunnel is broken");
  const fail = (controller: { error(reason: unknown): void }): void => controller.error(broken);
  const streams: (() => DialledStream)[] = [
    () => ({ readable: new ReadableStream({ start: fail }), writable: new WritableStream() }),
    () => ({ readable: new ReadableStream(), writable: new WritableStream({ start: fail }) }),
  ];
  for (const dial of streams) {
    for (const url of ["ws://a.example", "wss://a.example"]) {
      const connecting = connect(url, { dial, handshakeTimeout: 2 ** 31 - 1 });
      const error = await assertRejects(() => connecting, Error);
      assertEquals(error.message.includes("The tunnel is broken"), true);
    }
  }
});

test("connect() gives dial() the path of a unix socket", async () => {
  const paths: unknown[] = [];
  await assertRejects(
    () =>
      connect("ws+unix:/run/a:/", {
        dial: (_address, { path }) => {
          paths.push(path);
          throw new Error("Enough");
        },
      }),
    Error,
    "Enough",
  );
  assertEquals(paths, ["/run/a"]);
});

test("connect() leaves no socket behind when TLS over a stream fails", async () => {
  await using server = await RawServer.listen();
  const connecting = connect("wss://localhost", {
    dial: () => net.connect(server.port, "127.0.0.1"),
  });
  connecting.catch(() => {});
  const peer = await server.accept();
  await peer.take(5);
  peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
  const error = await assertRejects(() => connecting, Error) as Error & { code?: string };
  assertEquals(error.code, "EPROTO");
  await peer.takeRest();
});
