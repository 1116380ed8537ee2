import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import {
  connect,
  formatTrace,
  HandshakeError,
  PreparedMessage,
  serve,
  type TraceEvent,
  type TraceFrame,
  type WebSocketConnection,
} from "@sansocket/ws";
import { createNetwork } from "@sansocket/ws/testing";
import { networks, open, settled, withResolvers } from "../support/connections.ts";
import { handshake, RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

/** A frame's event, with what is left out as nearly every frame has it. */
function frame(event: Partial<TraceFrame>): TraceFrame {
  return {
    type: "frame",
    connection: "c",
    time: 0,
    direction: "in",
    opcode: 1,
    fin: true,
    rsv1: false,
    size: event.preview?.length ?? 0,
    preview: new Uint8Array(),
    ...event,
  };
}

const octets = (...values: number[]) => new Uint8Array(values);
const utf8 = (text: string) => new TextEncoder().encode(text);

const lines: [string, TraceEvent][] = [
  ['< TEXT "hi" [2 octets]', frame({ preview: utf8("hi") })],
  ['> TEXT "hi" [2 octets]', frame({ direction: "out", preview: utf8("hi") })],
  ["< TEXT [0 octets]", frame({})],
  ['< TEXT "a" [1 octet]', frame({ preview: utf8("a") })],
  ['< TEXT "abc"… [7 octets]', frame({ preview: utf8("abc"), size: 7 })],
  ['< TEXT "say \\"ho\\"\\n" [9 octets]', frame({ preview: utf8('say "ho"\n') })],
  // A terminal is not to be told what to do.
  ["< TEXT 1b 5b 32 4a [4 octets]", frame({ preview: utf8("\u001b[2J") })],
  ['< TEXT "é"… [4 octets]', frame({ preview: octets(0xc3, 0xa9, 0xc3), size: 4 })],
  ["< BINARY 00 ff [2 octets]", frame({ opcode: 2, preview: octets(0, 0xff) })],
  ['< TEXT "hi" [2 octets, continued]', frame({ preview: utf8("hi"), fin: false })],
  ['< CONT "ho" [2 octets]', frame({ opcode: 0, preview: utf8("ho") })],
  ['< PING "p" [1 octet]', frame({ opcode: 9, preview: utf8("p") })],
  ["< PONG [0 octets]", frame({ opcode: 10 })],
  [
    '< CLOSE 1000 "bye" [5 octets]',
    frame({ opcode: 8, preview: octets(0x03, 0xe8, 0x62, 0x79, 0x65) }),
  ],
  ["< CLOSE 1001 [2 octets]", frame({ opcode: 8, preview: octets(0x03, 0xe9) })],
  ["< CLOSE 03 [1 octet]", frame({ opcode: 8, preview: octets(0x03) })],
  ["< CLOSE [0 octets]", frame({ opcode: 8 })],
  ["< opcode 11 [0 octets]", frame({ opcode: 11 })],
  ["< TEXT [7 octets, compressed]", frame({ rsv1: true, size: 7 })],
  [
    '< TEXT "hello" [7 octets, 5 inflated]',
    frame({ rsv1: true, size: 7, plainSize: 5, preview: utf8("hello") }),
  ],
  ["= closing", { type: "state", connection: "c", time: 0, state: "closing" }],
  [
    "> GET / HTTP/1.1\n> Host: a",
    {
      type: "handshake",
      connection: "c",
      time: 0,
      direction: "out",
      head: "GET / HTTP/1.1\r\nHost: a",
    },
  ],
];
for (const [line, event] of lines) {
  test(`formatTrace() writes ${JSON.stringify(line)}`, () => {
    assertEquals(formatTrace(event), line);
  });
}

/** The frames and states of a trace, as lines. */
function recorder(): { lines: string[]; trace: (event: TraceEvent) => void; heads: string[] } {
  const lines: string[] = [];
  const heads: string[] = [];
  return {
    lines,
    heads,
    trace: (event) => {
      if (event.type === "handshake") heads.push(formatTrace(event));
      else lines.push(formatTrace(event));
    },
  };
}

for (const [kind, create] of Object.entries(networks)) {
  test(`trace tells both ends of one conversation the same, in order (${kind})`, async () => {
    const network = create();
    const [server, client] = [recorder(), recorder()];
    await using listening = await network.serve({
      port: 0,
      trace: server.trace,
      websocket: { message: (ws, data) => ws.send(data) },
    });
    const ws = await network.connect(`${listening.url}x?y=1`, {
      trace: client.trace,
      compression: false,
      headers: { Cookie: "secret=1", Authorization: "Basic c2VjcmV0", "X-A": "b" },
    });
    await ws.send("hi");
    assertEquals(await ws.receive(), "hi");
    await ws.send(["a", "b"]);
    assertEquals(await ws.receive(), "ab");
    await ws.ping("p");
    await ws.close(1000, "bye");
    const expected = [
      '> TEXT "hi" [2 octets]',
      '< TEXT "hi" [2 octets]',
      '> TEXT "a" [1 octet, continued]',
      '> CONT "b" [1 octet, continued]',
      "> CONT [0 octets]",
      '< TEXT "ab" [2 octets]',
      '> PING "p" [1 octet]',
      '< PONG "p" [1 octet]',
      '> CLOSE 1000 "bye" [5 octets]',
      "= closing",
      "< CLOSE 1000 [2 octets]",
      "= closed",
    ];
    assertEquals(client.lines, expected);
    const mirrored = expected.filter((line) => !line.startsWith("=")).map((line) =>
      (line.startsWith("<") ? ">" : "<") + line.slice(1)
    );
    assertEquals(server.lines.filter((line) => !line.startsWith("=")), mirrored);
    for (const { heads } of [client, server]) {
      assertEquals(heads.length, 2);
      assertMatch(heads[0] ?? "", /^[<>] GET \/x\?y=1 HTTP\/1\.1\n/);
      assertMatch(heads[0] ?? "", /^[<>] cookie: …$/im);
      assertMatch(heads[0] ?? "", /^[<>] authorization: …$/im);
      assertMatch(heads[0] ?? "", /^[<>] x-a: b$/im);
      assertMatch(heads[1] ?? "", /^[<>] HTTP\/1\.1 101 Switching Protocols\n/);
    }
  });
}

for (const [kind, create] of Object.entries(networks)) {
  test(`trace tells a handshake that is refused, on both ends (${kind})`, async () => {
    const { serve, connect } = create();
    const [server, client] = [recorder(), recorder()];
    const ids = new Set<string>();
    await using listening = await serve({
      port: 0,
      origins: ["https://example.org"],
      trace(event) {
        ids.add(event.connection);
        server.trace(event);
      },
      fetch(request, { upgrade }) {
        const { pathname } = new URL(request.url);
        if (pathname === "/page") return new Response("a page");
        if (pathname === "/wrong") throw new Error("mine");
        if (pathname === "/own") return new Response("Not you", { status: 403 });
        return upgrade({});
      },
      error() {},
    });
    const statuses = { "": 403, own: 403, wrong: 500, page: 200 };
    for (const [path, status] of Object.entries(statuses)) {
      const headers = { Origin: "https://other.example", Cookie: "secret=1" };
      const options = { trace: client.trace, headers };
      const error = await assertRejects(
        () => connect(listening.url + path, options),
        HandshakeError,
      );
      assertEquals(error.status, status);
      const [sent, received] = client.heads.splice(0);
      const [got, answered] = server.heads.splice(0);
      for (const request of [sent, got]) {
        assertMatch(request ?? "", new RegExp(`^[<>] GET /${path} HTTP/1\\.1\n`));
        assertMatch(request ?? "", /^[<>] cookie: …$/im);
      }
      assertMatch(received ?? "", new RegExp(`^< HTTP/1\\.1 ${status} `));
      assertEquals(answered?.replaceAll(/^>/gm, "<"), received);
    }
    assertEquals([server.lines, client.lines, ids.size], [[], [], 4]);
  });
}

test("trace tells nothing of a request for a page", async () => {
  const { heads, lines, trace } = recorder();
  await using server = await serve({ port: 0, trace, fetch: () => new Response("a page") });
  assertEquals(await (await fetch(server.url)).text(), "a page");
  assertEquals([heads, lines], [[], []]);
});

test("trace tells the sizes of a message before and after compression, on both ends", async () => {
  const [inn, out] = [[] as TraceFrame[], [] as TraceFrame[]];
  const keep = (frames: TraceFrame[], direction: string) => (event: TraceEvent) => {
    if (event.type === "frame" && event.opcode < 8 && event.direction === direction) {
      frames.push(event);
    }
  };
  const text = "to be or not to be, ".repeat(50);
  const got = withResolvers<unknown>();
  await using server = await serve({
    port: 0,
    compression: true,
    trace: { event: keep(inn, "in"), preview: 5 },
    websocket: { message: (_ws, data) => got.resolve(data) },
  });
  const ws = await connect(server.url, {
    compression: { threshold: 10 },
    trace: { event: keep(out, "out"), preview: 5 },
  });
  await ws.send("short");
  await ws.send(text);
  await got.promise;
  await ws.close();
  for (const frames of [inn, out]) {
    const [short, long] = frames;
    assertEquals([short?.rsv1, short?.size, short?.plainSize], [false, 5, undefined]);
    assertEquals([long?.rsv1, long?.plainSize], [true, 1_000]);
    assertEquals((long?.size ?? 1_000) < 200, true);
    assertEquals(new TextDecoder().decode(long?.preview), "to be");
  }
  assertEquals(inn.map(({ size }) => size), out.map(({ size }) => size));
});

test("trace() begins with the next frame, and ends", async () => {
  await using ends = await open(createNetwork());
  const { client, server } = ends;
  const seen = recorder();
  await client.send("before");
  assertEquals(await server.receive(), "before");
  server.trace(seen.trace);
  await client.send("one");
  assertEquals(await server.receive(), "one");
  await settled();
  server.trace(undefined);
  await client.send("after");
  assertEquals(await server.receive(), "after");
  assertEquals(seen.lines, ['< TEXT "one" [3 octets]']);
});

test("trace() between the fragments of a message begins with the next one", async () => {
  const network = createNetwork();
  const seen = recorder();
  const accepted = withResolvers<WebSocketConnection>();
  await using server = await network.serve({
    port: 0,
    websocket: (ws) => {
      accepted.resolve(ws);
      return ws.closed;
    },
  });
  const ws = await network.connect(server.url);
  const peer = await accepted.promise;
  // A message in chunks is in progress from the first of them on.
  const middle = withResolvers<void>();
  const sent = ws.send((async function* () {
    yield "first";
    await middle.promise;
    yield "second";
  })());
  const stream = await peer.receiveStream();
  peer.trace(seen.trace);
  middle.resolve();
  assertEquals(await stream.collect(), "firstsecond");
  await sent;
  await ws.send("next");
  assertEquals(await peer.receive(), "next");
  await settled();
  assertEquals(seen.lines, [
    '< CONT "second" [6 octets, continued]',
    "< CONT [0 octets]",
    '< TEXT "next" [4 octets]',
  ]);
  await ws.close();
});

test("trace that throws or rejects harms nothing", async () => {
  const said: unknown[] = [];
  const { error } = console;
  console.error = (value) => said.push(value);
  try {
    const network = createNetwork();
    await using server = await network.serve({
      port: 0,
      trace: () => {
        throw new Error("a mistake in the trace");
      },
      websocket: { message: (ws, data) => ws.send(data) },
    });
    const ws = await network.connect(server.url, {
      trace: () => Promise.reject(new Error("another")),
    });
    await ws.send("hi");
    assertEquals(await ws.receive(), "hi");
    await ws.close();
  } finally {
    console.error = error;
  }
  const messages = new Set(said.map((value) => (value as Error).message));
  assertEquals(messages, new Set(["a mistake in the trace", "another"]));
});

test("trace sees a prepared message, and what is sent to many", async () => {
  await using ends = await open(createNetwork());
  const seen = recorder();
  ends.server.trace(seen.trace);
  await ends.server.send(new PreparedMessage("for all"));
  assertEquals(await ends.client.receive(), "for all");
  await settled();
  assertEquals(seen.lines, ['> TEXT "for all" [7 octets]']);
});

test("trace() refuses what it cannot tell", async () => {
  await using ends = await open(createNetwork());
  // @ts-expect-error: no function
  assertThrows(() => ends.client.trace("yes"), TypeError, "function");
  // @ts-expect-error: no event
  assertThrows(() => ends.client.trace({ preview: 5 }), TypeError, "event");
  assertThrows(
    () => ends.client.trace({ event() {}, preview: -1 }),
    RangeError,
  );
});

test("trace tells the broken frame that fails a connection", async () => {
  const seen = recorder();
  await using server = await serve({ port: 0, trace: seen.trace, websocket: {} });
  const peer = await RawPeer.dial(server.port);
  peer.send(handshake());
  await peer.takeThrough("\r\n\r\n");
  // A text that is not masked.
  peer.send(octets(0x81, 0x02, 0x68, 0x69));
  await peer.takeRest();
  peer.end();
  assertEquals(seen.lines[0], '< TEXT "hi" [2 octets]');
  assertMatch(seen.lines[1] ?? "", /^> CLOSE 1002 /);
});

test("a trace function may send, close and trace again: what was sent before leaves first, and whole", async () => {
  const large = new Uint8Array(300_000).fill(7);
  const got: number[] = [];
  await using server = await serve({
    port: 0,
    websocket: { message: (_ws, data) => got.push(data.length) },
  });
  const ws = await connect(server.url, { compression: false });
  const seen = recorder();
  let first = true;
  ws.trace((event) => {
    if (event.type !== "frame" || event.direction !== "out" || !first) return;
    first = false;
    ws.trace(seen.trace);
    ws.send(large);
    ws.close();
  });
  ws.send("one");
  ws.send("two");
  const ended = await ws.closed;
  assertEquals([ended.code, ended.endedBy], [1000, "local"]);
  assertEquals(got, [3, 3, 300_000]);
  const out = seen.lines.filter((line) => line.startsWith(">")).map((line) => line.slice(0, 9));
  assertEquals(out, ["> BINARY ", "> CLOSE 1"]);
});

test("trace() whose chunks never begin with a frame begins behind the frame that has begun", async () => {
  const accepted = withResolvers<WebSocketConnection>();
  const got: unknown[] = [];
  await using server = await serve({
    port: 0,
    websocket: {
      open: (ws) => accepted.resolve(ws),
      message: (ws, data) => {
        got.push(data);
        ws.send("");
      },
    },
  });
  const peer = await RawPeer.dial(server.port);
  peer.send(handshake());
  await peer.takeThrough("\r\n\r\n");
  const ws = await accepted.promise;
  // A masked text of six octets by a key of zeros, in two halves.
  const [head, tail] = [octets(0x81, 0x86, 0, 0, 0, 0, 0x61, 0x62), utf8("cdef")];
  peer.send(head);
  const seen = recorder();
  for (let i = 0; i < 3; i++) {
    peer.send(new Uint8Array([...tail, ...head]));
    await peer.take(2);
    if (i === 0) ws.trace(seen.trace);
  }
  assertEquals(got, ["abcdef", "abcdef", "abcdef"]);
  assertEquals(seen.lines.filter((line) => line.startsWith("<")), [
    '< TEXT "abcdef" [6 octets]',
  ]);
  peer.end();
});

test("trace tells a prepared message from another that compresses to as many octets", async () => {
  const seen: string[] = [];
  await using server = await serve({ port: 0, compression: true, websocket: {} });
  const ws = await connect(server.url, {
    compression: true,
    trace: (event) => {
      if (event.type === "frame" && event.direction === "out" && event.opcode === 1) {
        seen.push(`${event.plainSize} ${new TextDecoder().decode(event.preview.slice(0, 1))}`);
      }
    },
  });
  await ws.send(new PreparedMessage("b".repeat(2_000)));
  await ws.send("a".repeat(2_000));
  await ws.close();
  assertEquals(seen, ["undefined ", "2000 a"]);
});

test("formatTrace() shows no character that a terminal obeys", () => {
  const reason = utf8("\u009b2J\u007f");
  const close = frame({ opcode: 8, preview: octets(0x03, 0xe8, ...reason) });
  assertMatch(formatTrace(close), /^< CLOSE 1000 "\\u009b2J\\u007f" /);
  const head = "GET / HTTP/1.1\r\nX: \u009b2J\u001b";
  const event = { type: "handshake", connection: "c", time: 0, direction: "in", head } as const;
  assertEquals(formatTrace(event), "< GET / HTTP/1.1\n< X: \\u009b2J\\u001b");
});

test("trace gives a message that waited to no other frame when it is inflated", async () => {
  const seen: (number | undefined)[] = [];
  const first = withResolvers<void>();
  const got = withResolvers<unknown>();
  await using server = await serve({
    port: 0,
    compression: true,
    trace: (event) => {
      if (event.type !== "frame" || event.direction !== "in" || event.opcode !== 1) return;
      seen.push(event.plainSize);
      first.resolve();
    },
    // Messages wait, until a Ping behind the second one asks for the first.
    websocket: { ping: (ws) => void ws.receive().then(got.resolve) },
  });
  const ws = await connect(server.url, { compression: true });
  await ws.send("a".repeat(1_000));
  await first.promise;
  ws.send("b".repeat(2_000));
  await ws.ping();
  assertEquals(await got.promise, "a".repeat(1_000));
  await settled();
  assertEquals(seen, [undefined, undefined]);
  await ws.close();
});
