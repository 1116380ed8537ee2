// Clients that go before they have their answer, or take their time with it: over real sockets, and by a clock where they take long.

import { assertEquals, assertLessOrEqual, assertMatch, assertStringIncludes } from "@std/assert";
import { mkdtemp, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { serve, serveFiles, type Server } from "@sansocket/ws";
import { createClocked } from "../support/clocked.ts";
import { settled, withResolvers } from "../support/connections.ts";
import { sessionTest as scene } from "../support/http_session.ts";
import { handshake, RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/** Waits until no connection is counted. */
async function untilNoSockets(server: Server): Promise<void> {
  while (server.stats().sockets > 0) await settled();
}

/** Resolves with the signal's reason once it aborts. */
function aborted({ signal }: Request): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    signal.addEventListener("abort", () => resolve(signal.reason));
  });
}

const goings = ["reset", "end"] as const;

for (const going of goings) {
  const arrived = withResolvers<void>();
  const reason = withResolvers<unknown>();
  scene(`aborts request.signal when the client goes by ${going} while fetch runs`, {
    async fetch(request) {
      arrived.resolve();
      reason.resolve(await aborted(request));
      return new Response("late");
    },
  }, async ({ server, peer, reported }) => {
    peer.send(GET);
    await arrived.promise;
    peer[going]();
    const error = await reason.promise as DOMException;
    assertEquals([error.name, /client has/.test(error.message)], ["AbortError", true]);
    // Who has only ended its side may still want the answer.
    if (going === "end") assertEquals((await peer.takeResponse()).body, "late");
    await untilNoSockets(server);
    assertEquals(reported, []);
  });

  const written = withResolvers<void>();
  const stopped = withResolvers<unknown>();
  scene(`aborts request.signal when the client goes by ${going} while the answer leaves`, {
    fetch(request) {
      aborted(request).then(stopped.resolve);
      const stream = new ReadableStream({
        start(controller) {
          controller.enqueue(new Uint8Array([0x61]));
          request.signal.addEventListener("abort", () => controller.close());
        },
      });
      return new Response(stream);
    },
  }, async ({ server, peer, reported }) => {
    written.resolve();
    peer.send(GET);
    await peer.takeThrough("1\r\na\r\n");
    peer[going]();
    assertEquals((await stopped.promise as Error).name, "AbortError");
    await untilNoSockets(server);
    assertEquals(reported, []);
  });
}

scene("leaves request.signal alone when the answer has been written", {
  fetch(request) {
    signals.push(request.signal);
    return new Response("page");
  },
}, async ({ server, peer }) => {
  for (let i = 0; i < 2; i++) {
    peer.send(GET);
    await peer.takeResponse();
  }
  peer.reset();
  await untilNoSockets(server);
  assertEquals(signals.map((signal) => signal.aborted), [false, false]);
});
const signals: AbortSignal[] = [];

scene("counts no connection whose client has reset it, though fetch never answers", {
  guard: { maxConnections: 1 },
  fetch: (request) => {
    called.resolve();
    return request.url.endsWith("/never") ? new Promise(() => {}) : new Response("page");
  },
}, async ({ server, peer }) => {
  // What is pipelined behind it must not keep the end from being seen.
  peer.send("GET /never HTTP/1.1\r\nHost: a\r\n\r\n" + GET.repeat(100));
  await called.promise;
  assertEquals(server.stats().sockets, 1);
  peer.reset();
  await untilNoSockets(server);
  await using other = await RawPeer.dial(server.port);
  other.send(GET);
  assertEquals((await other.takeResponse()).status, 200);
});
const called = withResolvers<void>();

scene("counts no connection whose client has reset it, though the answer never goes on", {
  fetch: () =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new Uint8Array([0x61])),
        cancel: () => cancelled.resolve(),
      }),
    ),
}, async ({ server, peer, reported }) => {
  peer.send(GET);
  await peer.takeThrough("1\r\na\r\n");
  peer.reset();
  await untilNoSockets(server);
  await cancelled.promise;
  assertEquals(reported, []);
});
const cancelled = withResolvers<void>();

scene("does not wait for ever for an answer to a client that has ended its side", {
  requestTimeout: 60_000,
  fetch: () => new Promise(() => {}),
}, async ({ server, clock, peer, reported }) => {
  peer.send(GET);
  peer.end();
  await clock.advance(59_999);
  assertEquals(server.stats().sockets, 1);
  await clock.advance(1);
  assertEquals((await peer.takeRest()).length, 0);
  await untilNoSockets(server);
  assertEquals(reported, []);
}, createClocked);

scene("reads a body to its end, though its client has ended its side", {
  async fetch(request) {
    await aborted(request);
    return new Response(await request.text());
  },
}, async ({ peer }) => {
  peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
  peer.end();
  assertEquals((await peer.takeResponse()).body, "hello");
});

for (const going of goings) {
  const arrived = withResolvers<void>();
  scene(`upgrades no client that leaves by ${going} before it is decided`, {
    async fetch(request, { upgrade }) {
      arrived.resolve();
      await aborted(request);
      return upgrade({});
    },
  }, async ({ server, peer, reported }) => {
    peer.send(handshake());
    await arrived.promise;
    peer[going]();
    if (going === "end") assertEquals((await peer.takeRest()).length, 0);
    await untilNoSockets(server);
    assertEquals([server.stats().totalConnections, reported], [0, []]);
  });
}

scene("reports no failure that its own signal has caused, and every other", {
  async fetch(request) {
    const reason = await aborted(request);
    if (request.url.endsWith("/reason")) throw reason;
    if (request.url.endsWith("/abort")) throw new DOMException("mine", "AbortError");
    throw new Error("another");
  },
}, async ({ server, reported }) => {
  for (const path of ["/reason", "/abort", "/error"]) {
    await using peer = await RawPeer.dial(server.port);
    peer.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    peer.end();
    assertEquals((await peer.takeResponse()).status, 500);
  }
  assertEquals(reported.map((error) => (error as Error).message), ["another"]);
});

scene("upgrades with the frames that came while it was being decided, in order", {
  async fetch(_request, { upgrade }) {
    deciding.resolve();
    await decided.promise;
    return upgrade({ message: (ws, data) => ws.send(data) });
  },
}, async ({ peer }) => {
  peer.send(handshake());
  await deciding.promise;
  // "Hello" masked, from RFC 6455 5.7, octet by octet, so that there are as many chunks to put together.
  for (const octet of [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]) {
    await peer.flush(new Uint8Array([octet]));
    await settled();
  }
  decided.resolve();
  assertEquals((await peer.takeResponse()).status, 101);
  const { payload } = await peer.takeFrame();
  assertEquals(new TextDecoder().decode(payload), "Hello");
});
const deciding = withResolvers<void>();
const decided = withResolvers<void>();

scene("answers a body that is larger than what is read ahead, however late it is read", {
  async fetch(request) {
    await gate.promise;
    return new Response(String((await request.arrayBuffer()).byteLength));
  },
}, async ({ peer }) => {
  peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
  const sending = peer.flush(new Uint8Array(1_000_000));
  for (let i = 0; i < 20; i++) await settled();
  gate.resolve();
  assertEquals((await peer.takeResponse()).body, "1000000");
  await sending;
});
const gate = withResolvers<void>();

const SIZE = 1 << 20;

for (
  const [what, make] of [
    ["one piece", () => new Response(new Uint8Array(SIZE))],
    ["a stream", () => new Response(streamOf(SIZE))],
  ] as const
) {
  scene(`gives ${what} whole to a client that takes its time`, {
    // A response as a whole takes longer than each of them.
    handshakeTimeout: 10_000,
    closeTimeout: 10_000,
    guard: { stallTimeout: 10_000 },
    fetch: make,
  }, async ({ server, clock, link, peer, reported }) => {
    link!.slow(50_000);
    peer.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    await clock.advance(20_000);
    assertLessOrEqual(peer.available, SIZE);
    await clock.advance(5_000);
    await peer.takeThrough("\r\n\r\n");
    assertEquals((await peer.takeRest()).length, SIZE);
    assertEquals([reported, server.stats().responsesCut], [[], 0]);
  }, createClocked);

  scene(`cuts ${what} for a client that takes nothing, says so and counts it`, {
    guard: { stallTimeout: 30_000 },
    fetch: make,
  }, async ({ server, clock, peer, reported }) => {
    peer.send(GET);
    await peer.takeThrough("\r\n\r\n");
    peer.pause();
    // A Response may take turns of the event loop to give its body.
    while (!clock.pending.some(({ waits }) => waits === "octets of HTTP to leave")) await settled();
    await clock.advance(29_000);
    assertEquals(server.stats().sockets, 1);
    // It looks four times in that time.
    await clock.advance(9_000);
    assertEquals([server.stats().sockets, reported.length], [0, 1]);
    assertEquals(server.stats().responsesCut, 1);
    assertStringIncludes(
      String(reported[0]),
      "A response was cut: its client took nothing of what waited within 30000 ms",
    );
    assertMatch(String(reported[0]), /\(guard\.stallTimeout\)$/);
  }, createClocked);
}

function streamOf(size: number): ReadableStream<Uint8Array> {
  let left = size;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(65_536));
      if ((left -= 65_536) === 0) controller.close();
    },
  });
}

test("serveFiles() lets go of the file of a client that has gone", async () => {
  const folder = await mkdtemp(join(tmpdir(), "departure-"));
  const path = join(folder, "large.bin");
  // More than the kernel takes.
  await writeFile(path, new Uint8Array(40 << 20));
  {
    await using server = await serve({ port: 0, routes: { "/*": serveFiles(folder) } });
    for (let i = 0; i < 3; i++) {
      await using peer = await RawPeer.dial(server.port);
      peer.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
      await peer.takeThrough("\r\n\r\n");
      peer.pause();
      peer.reset();
    }
    await untilNoSockets(server);
    while ((await openFiles()).includes(path)) await settled();
    assertEquals(server.stats().responsesCut, 0);
  }
  await rm(folder, { recursive: true });
}, { skip: process.platform === "linux" ? undefined : "needs /proc to see open files" });

/** The paths of the files that this process has open. */
async function openFiles(): Promise<string[]> {
  const names = await readdir("/proc/self/fd");
  return await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => "")));
}
