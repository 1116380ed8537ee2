// From the Response that `fetch` returned to bytes, over real sockets.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { serve } from "@sansocket/ws";
import { settled } from "../support/connections.ts";
import { RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

interface Scene {
  readonly peer: RawPeer;
  readonly reported: string[];
}

/** Runs `body` with a raw connection to a server that answers with `make()`. */
function scene(
  name: string,
  make: () => Response,
  body: (scene: Scene) => Promise<void>,
): void {
  test(`writeResponse ${name}`, async () => {
    const reported: string[] = [];
    await using server = await serve({
      port: 0,
      fetch: make,
      error: (error) => reported.push(String(error)),
    });
    await using peer = await RawPeer.dial(server.port);
    await body({ peer, reported });
  });
}

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const GET_1_0 = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
const HEAD = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";

/**
 * A stream of texts, each of which takes a turn of the event loop; an Error among them is what it
 * fails with.
 */
function streamOf(...pieces: (string | Error)[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      await settled();
      const piece = pieces.shift();
      if (piece === undefined) controller.close();
      else if (piece instanceof Error) controller.error(piece);
      else controller.enqueue(encoder.encode(piece));
    },
  }, { highWaterMark: 0 });
}

const five = { headers: { "content-length": "5" } };

for (const takesTime of [false, true]) {
  const streamed = (): Response => {
    const memory = new Uint8Array(4);
    let count = 0;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (count === 3) return controller.close();
        memory.fill(0x61 + count++);
        if (takesTime) await settled();
        controller.enqueue(memory);
      },
    }, { highWaterMark: 0 });
    return new Response(body);
  };

  const when = takesTime ? "later" : "at once";
  scene(
    `sends each piece of a stream that uses its memory again ${when}`,
    streamed,
    async ({ peer }) => {
      peer.send(GET);
      assertEquals((await peer.takeResponse()).body, "aaaabbbbcccc");
    },
  );
}

scene("keeps status, reason and fields", () =>
  new Response("no", {
    status: 418,
    statusText: "I'm a teapot",
    headers: [["x-a", "1"], ["x-a", "2"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]],
  }), async ({ peer }) => {
  peer.send(GET);
  const { lines, get, body } = await peer.takeResponse();
  assertEquals(lines[0], "HTTP/1.1 418 I'm a teapot");
  assertEquals(get("x-a"), "1, 2");
  assertEquals(lines.filter((line) => /^set-cookie/i.test(line)), [
    "set-cookie: a=1",
    "set-cookie: b=2",
  ]);
  assertEquals(body, "no");
});

scene(
  "has a reason for a status without one",
  () => new Response("", { status: 404 }),
  async (s) => {
    s.peer.send(GET);
    assertEquals((await s.peer.takeResponse()).lines[0], "HTTP/1.1 404 Not Found");
  },
);

scene(
  "frames a body of known length by it",
  () => new Response("12345", five),
  async ({ peer }) => {
    for (const request of [GET, GET_1_0, GET]) {
      peer.send(request);
      const { body, get } = await peer.takeResponse();
      assertEquals([body, get("content-length"), get("transfer-encoding")], [
        "12345",
        "5",
        undefined,
      ]);
    }
  },
);

scene("frames no body as length 0", () => new Response(null), async ({ peer }) => {
  for (const request of [GET, GET_1_0, GET]) {
    peer.send(request);
    const { body, get } = await peer.takeResponse();
    assertEquals([body, get("content-length")], ["", "0"]);
  }
});

scene(
  "frames a stream by chunks",
  () => new Response(streamOf("a", "", "bc")),
  async ({ peer }) => {
    for (let i = 0; i < 2; i++) {
      peer.send(GET);
      const text = await peer.takeThrough("0\r\n\r\n");
      assertStringIncludes(text, "transfer-encoding: chunked\r\n");
      assertStringIncludes(text, "\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n");
    }
  },
);

scene(
  "frames a stream that ends without a piece as length 0",
  () => new Response(streamOf()),
  async ({ peer }) => {
    for (let i = 0; i < 2; i++) {
      peer.send(GET);
      const { get, body } = await peer.takeResponse();
      assertEquals([get("content-length"), body], ["0", ""]);
    }
  },
);

scene(
  "ends a stream for HTTP/1.0 with the connection",
  () => new Response(streamOf("a", "bc")),
  async (s) => {
    s.peer.send(GET_1_0);
    const { get, body } = await s.peer.takeResponse();
    assertEquals([body, get("connection"), get("transfer-encoding")], ["abc", "close", undefined]);
  },
);

scene(
  "holds a stream to its Content-Length",
  () => new Response(streamOf("12", "345"), five),
  async (s) => {
    for (let i = 0; i < 2; i++) {
      s.peer.send(GET);
      assertEquals((await s.peer.takeResponse()).body, "12345");
    }
  },
);

scene("does not copy what frames the message", () =>
  new Response("12345", {
    headers: { connection: "x", "transfer-encoding": "gzip", "keep-alive": "timeout=5" },
  }), async ({ peer }) => {
  peer.send(GET);
  const { get, body } = await peer.takeResponse();
  assertEquals([get("connection"), get("transfer-encoding"), get("keep-alive")], [
    undefined,
    undefined,
    undefined,
  ]);
  assertEquals(body, "12345");
});

/** A stream of texts that are there at once. */
function readyStreamOf(...pieces: string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(encoder.encode(piece));
      controller.close();
    },
  });
}

for (
  const [what, make, length] of [
    ["a string", () => new Response("12345"), 5],
    ["bytes", () => new Response(new Uint8Array([0x31, 0x32, 0x33])), 3],
    ["JSON", () => Response.json({ a: 1 }), 7],
    ["parameters", () => new Response(new URLSearchParams("a=b")), 3],
    ["a copy", () => new Response("12345").clone(), 5],
    ["a string of 1,000,000 octets", () => new Response("a".repeat(1_000_000)), 1_000_000],
    ["an empty string", () => new Response(""), 0],
    ["a stream whose pieces are there", () => new Response(readyStreamOf("12", "", "345")), 5],
  ] as const
) {
  scene(`gives ${what} its Content-Length`, make, async ({ peer, reported }) => {
    for (const request of [GET, GET_1_0, HEAD]) {
      peer.send(request);
      const { get, body } = await peer.takeResponse(request === HEAD ? "HEAD" : "GET");
      assertEquals([get("content-length"), get("transfer-encoding"), body.length], [
        `${length}`,
        undefined,
        request === HEAD ? 0 : length,
      ]);
    }
    assertEquals([peer.available, reported], [0, []]);
  });
}

scene("sends what a body has at once before it goes on", () => {
  const encoder = new TextEncoder();
  return new Response(
    new ReadableStream({
      start(controller) {
        controller.enqueue(encoder.encode("one"));
        controller.enqueue(encoder.encode("two"));
        goOn = () => {
          controller.enqueue(encoder.encode("three"));
          controller.close();
        };
      },
    }),
  );
}, async ({ peer }) => {
  peer.send(GET);
  const first = await peer.takeThrough("3\r\ntwo\r\n");
  assertStringIncludes(first, "transfer-encoding: chunked\r\n");
  assertStringIncludes(first, "\r\n\r\n3\r\none\r\n3\r\ntwo\r\n");
  goOn();
  assertEquals(await peer.takeThrough("0\r\n\r\n"), "5\r\nthree\r\n0\r\n\r\n");
});
let goOn: () => void = () => {};

scene("does not gather a body that has no end", () => {
  let sent = 0;
  return new Response(
    new ReadableStream({
      pull(controller) {
        sent += 65_536;
        if (sent > 1 << 26) controller.error(new Error("The body was gathered"));
        else controller.enqueue(new Uint8Array(65_536));
      },
      cancel: () => ended(),
    }),
  );
}, async ({ peer, reported }) => {
  const end = new Promise<void>((resolve) => ended = resolve);
  peer.send(GET);
  assertStringIncludes(await peer.takeThrough("\r\n\r\n"), "transfer-encoding: chunked\r\n");
  peer.pause();
  peer.reset();
  await end;
  assertEquals(reported, []);
});
let ended: () => void = () => {};

scene(
  "does not wait for the body of a HEAD",
  () => new Response(new ReadableStream({})),
  async ({ peer }) => {
    for (let i = 0; i < 2; i++) {
      peer.send(HEAD);
      const { get } = await peer.takeResponse("HEAD");
      assertEquals([get("content-length"), get("transfer-encoding")], [undefined, "chunked"]);
    }
    assertEquals(peer.available, 0);
  },
);

scene(
  "keeps a Date that was given",
  () => new Response("", { headers: { date: "now" } }),
  async (s) => {
    s.peer.send(GET);
    assertEquals((await s.peer.takeResponse()).get("date"), "now");
  },
);

for (const status of [204, 304]) {
  scene(`has no body with ${status}`, () => new Response(null, { status }), async ({ peer }) => {
    for (let i = 0; i < 2; i++) {
      peer.send(GET);
      const { lines, get } = await peer.takeResponse();
      assertStringIncludes(lines[0] ?? "", ` ${status} `);
      assertEquals([get("content-length"), get("transfer-encoding")], [undefined, undefined]);
    }
    assertEquals(peer.available, 0);
  });
}

scene(
  "has no Content-Length with 204 (RFC 9110 8.6)",
  () => new Response(null, { status: 204, ...five }),
  async ({ peer }) => {
    peer.send(GET);
    assertEquals((await peer.takeResponse()).get("content-length"), undefined);
  },
);

scene(
  "keeps the Content-Length of 304",
  () => new Response(null, { status: 304, ...five }),
  async (s) => {
    s.peer.send(GET);
    assertEquals((await s.peer.takeResponse()).get("content-length"), "5");
  },
);

let cancelled = 0;
scene(
  "answers HEAD with the same fields and no body",
  () => new Response(new ReadableStream({ cancel: () => void cancelled++ }), five),
  async ({ peer }) => {
    for (let i = 1; i <= 2; i++) {
      peer.send(HEAD);
      assertEquals((await peer.takeResponse("HEAD")).get("content-length"), "5");
      assertEquals([peer.available, cancelled], [0, i]);
    }
  },
);

const failing: [string, () => Response, string, string][] = [
  [
    "a body that fails midway",
    () => new Response(streamOf("1", new Error("midway"))),
    "1\r\n1\r\n",
    "Error: midway",
  ],
  [
    "a body shorter than its Content-Length",
    () => new Response(streamOf("1234"), five),
    "1234",
    "RangeError: The body has 4 octets, its Content-Length says 5",
  ],
  [
    "a body longer than its Content-Length",
    () => new Response(streamOf("1234", "56"), five),
    "1234",
    "RangeError: The body is longer than its Content-Length of 5",
  ],
  [
    "a body of strings",
    () =>
      new Response(
        new ReadableStream({ start: (controller) => controller.enqueue("text") }),
      ),
    "",
    "TypeError: Expected the body's chunks to be Uint8Array, got string",
  ],
];

for (const [what, make, sent, error] of failing) {
  scene(`cuts the connection at ${what}, and reports it`, make, async ({ peer, reported }) => {
    peer.send(GET);
    const text = new TextDecoder().decode(await peer.takeRest());
    assertEquals(text.slice(text.indexOf("\r\n\r\n") + 4), sent);
    assertEquals(text.includes("0\r\n\r\n"), false);
    assertEquals(reported, [error]);
  });
}

scene("waits for a peer that does not read, and stops the source when it is gone", () => {
  let sent = 0;
  return new Response(
    new ReadableStream({
      pull(controller) {
        sent += 1 << 20;
        // More than all kernel buffers hold: without backpressure this would fail the test.
        if (sent > 1 << 28) controller.error(new Error("Nothing held the source back"));
        else controller.enqueue(new Uint8Array(1 << 20));
      },
      cancel: () => stopped(),
    }),
  );
}, async ({ peer, reported }) => {
  const stop = new Promise<void>((resolve) => stopped = resolve);
  peer.send(GET);
  await peer.takeThrough("\r\n\r\n");
  peer.pause();
  peer.reset();
  await stop;
  assertEquals(reported, []);
});
let stopped: () => void = () => {};
