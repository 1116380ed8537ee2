// Pages that are always the same: their octets are written again, and are the same as those of the
// first answer.

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { serve, type ServeOptions } from "@sansocket/ws";
import { ConstantPage } from "../../src/server/constant_page.ts";
import { RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

const decoder = new TextDecoder();

test("ConstantPage keeps its octets once the body has been read, for one second", async () => {
  const { now } = Date;
  try {
    Date.now = () => 784_111_777_000;
    const headers = { "content-type": "text/x", "x-a": "1" };
    const page = new ConstantPage(new Response("body", { status: 404, headers }));
    assertEquals(page.octets("GET"), undefined);
    assertEquals(await (await page.respond()).text(), "body");
    const head = "HTTP/1.1 404 Not Found\r\ncontent-type: text/x\r\nx-a: 1\r\n";
    const end = "content-length: 4\r\n\r\n";
    const first = `${head}date: Sun, 06 Nov 1994 08:49:37 GMT\r\n${end}`;
    const octets = page.octets("GET");
    assertEquals(decoder.decode(octets), `${first}body`);
    assertStrictEquals(page.octets("GET"), octets);
    assertEquals(decoder.decode(page.octets("HEAD")), first);
    Date.now = () => 784_111_778_000;
    const second = `${head}date: Sun, 06 Nov 1994 08:49:38 GMT\r\n${end}`;
    assertEquals(decoder.decode(page.octets("GET")), `${second}body`);
  } finally {
    Date.now = now;
  }
});

for (
  const [what, make] of [
    ["a large body", () => new Response("a".repeat(65_537))],
    ["no body", () => new Response(null, { status: 204 })],
    ["an Upgrade", () => new Response("", { status: 426, headers: { upgrade: "x" } })],
  ] as const
) {
  test(`ConstantPage keeps no octets of ${what}`, async () => {
    const page = new ConstantPage(make());
    await page.respond();
    assertEquals(page.octets("GET"), undefined);
  });
}

test("ConstantPage rejects with what its body fails with, each time", async () => {
  const page = new ConstantPage(
    new Response(new ReadableStream({ start: (controller) => controller.error(new Error("no")) })),
  );
  for (let i = 0; i < 2; i++) await assertRejects(() => page.respond(), Error, "no");
});

/** Runs `body` with a raw connection to a server with these routes. */
function scene(
  name: string,
  options: Pick<ServeOptions, "routes" | "hosts">,
  body: (peer: RawPeer) => Promise<void>,
): void {
  test(`routes ${name}`, async () => {
    await using server = await serve({ port: 0, ...options });
    await using peer = await RawPeer.dial(server.port);
    await body(peer);
  });
}

const pages: [string, Response][] = [
  ["a string", new Response("page")],
  ["bytes and fields", new Response(new Uint8Array([0, 255]), { headers: [["x-a", "1"]] })],
  ["an empty body", new Response("")],
  ["a status and its text", new Response("gone", { status: 410, statusText: "Away" })],
  ["a Date", new Response("page", { headers: { date: "now" } })],
  ["what frames a message", new Response("page", { headers: { connection: "x", te: "y" } })],
  ["a redirection", Response.redirect("http://a/b")],
  ["a large page", new Response("a".repeat(100_000))],
];

for (const [what, page] of pages) {
  scene(`give ${what} any number of times`, { routes: { "/": page } }, async (peer) => {
    const seen = [];
    // A target with a query, and a Content-Length, take the long way.
    for (const target of ["/?a", "/", "/", "/?a", "/"]) {
      for (const [method, field] of [["GET", ""], ["HEAD", ""], ["GET", "Content-Length: 0\r\n"]]) {
        peer.send(`${method} ${target} HTTP/1.1\r\nHost: a\r\n${field}\r\n`);
        const { lines, body } = await peer.takeResponse(method);
        const fixed = lines.filter((line) => !/^date: \w{3},/i.test(line)).sort();
        assertEquals(lines.length - fixed.length, what === "a Date" ? 0 : 1);
        if (method === "HEAD") assertEquals(body, "");
        else seen.push([...fixed, body]);
      }
    }
    assertEquals(seen, Array(10).fill(seen[0]));
    assertEquals(peer.available, 0);
  });
}

scene("answer each method by what it names, though its page is constant", {
  routes: {
    "/": new Response("page"),
    "/own": { GET: new Response("get"), HEAD: () => new Response("head", { status: 201 }) },
    "/:any": new Response("any"),
    "/post": { POST: new Response("post") },
  },
}, async (peer) => {
  const expected = [
    ["GET /", 200],
    ["POST /", 405],
    ["HEAD /own", 201],
    ["GET /own", 200],
    ["GET /b", 200],
    ["GET /post", 405],
    ["POST /post", 200],
    ["GET //", 404],
    ["GET /%", 400],
    ["GET /a/b", 404],
  ] as const;
  for (let round = 0; round < 3; round++) {
    for (const [line, status] of expected) {
      const [method] = line.split(" ");
      peer.send(`${line} HTTP/1.1\r\nHost: a\r\n\r\n`);
      assertEquals([line, (await peer.takeResponse(method)).status], [line, status]);
    }
  }
});

for (const host of ["a b", "a:99999", "[", "[::zz]", "%00", ""]) {
  scene(`refuse ${JSON.stringify(host)} as the Host of a constant page`, {
    routes: { "/": new Response("page") },
  }, async (peer) => {
    for (let i = 0; i < 3; i++) {
      peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      assertEquals((await peer.takeResponse()).status, 200);
    }
    peer.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assertEquals((await peer.takeResponse()).status, 400);
  });
}

scene("refuse another host for a constant page", {
  routes: { "/": new Response("page") },
  hosts: ["a"],
}, async (peer) => {
  for (let i = 0; i < 3; i++) {
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assertEquals((await peer.takeResponse()).status, 200);
  }
  peer.send("GET / HTTP/1.1\r\nHost: b\r\n\r\n");
  assertEquals((await peer.takeResponse()).status >= 400, true);
});

scene("wait for a peer that does not read its pages", {
  routes: { "/": new Response("a".repeat(60_000)) },
}, async (peer) => {
  const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  peer.pause();
  // More than the buffers of the kernel hold for a peer that does not read.
  for (let i = 0; i < 4; i++) peer.send(request.repeat(30));
  peer.resume();
  for (let i = 0; i < 120; i++) assertEquals((await peer.takeResponse()).body.length, 60_000);
  peer.send(request);
  assertEquals((await peer.takeResponse()).body.length, 60_000);
});
