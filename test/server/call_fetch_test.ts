import type { HandshakeRefusal } from "../../src/handshake/refusal.ts";
import { assertEquals, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { serve, type ServeOptions } from "@sansocket/ws";
import { callFetch } from "../../src/server/call_fetch.ts";
import type { FetchHandler } from "../../src/server/context.ts";
import type { HandshakeAcceptance } from "../../src/handshake/server.ts";
import { handshake, RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

const acceptance: HandshakeAcceptance = { key: "key", protocols: [], extensions: [] };
const refusal: HandshakeRefusal = {
  status: 426,
  reason: "Expected another",
  headers: [["a", "b"]],
};

function call(fetch: FetchHandler, judged: HandshakeAcceptance | HandshakeRefusal = acceptance) {
  return callFetch(fetch, new Request("http://a/"), {}, () => judged);
}

test("callFetch() answers with what fetch returns", async () => {
  const response = new Response("page");
  for (const fetch of [() => response, () => Promise.resolve(response)]) {
    assertStrictEquals((await call(fetch)).response, response);
  }
});

test("callFetch() answers with a Response that is thrown", async () => {
  const response = new Response("no", { status: 401 });
  for (
    const fetch of [
      () => {
        throw response;
      },
      () => Promise.reject(response),
    ]
  ) {
    const answer = await call(fetch);
    assertEquals([answer.response === response, answer.error], [true, undefined]);
  }
});

test("callFetch() answers 500 to anything else that is thrown, and has it reported", async () => {
  for (const thrown of [new Error("mine"), "text", 5, null, { status: 401 }]) {
    const answer = await call(() => Promise.reject(thrown));
    assertEquals([answer.response?.status, answer.error], [500, thrown]);
  }
});

test("callFetch() finds the upgrade, returned or thrown", async () => {
  for (
    const fetch of [
      (_request, { upgrade }) => upgrade({}),
      (_request, { upgrade }) => {
        throw upgrade({});
      },
    ] as FetchHandler[]
  ) {
    assertEquals((await call(fetch)).decision?.acceptance, acceptance);
  }
});

test("callFetch() gives the refusal as the Response of upgrade()", async () => {
  const { response, decision } = await call((_request, { upgrade }) => upgrade({}), refusal);
  assertEquals([response?.status, await response?.text(), response?.headers.get("a")], [
    426,
    "Expected another",
    "b",
  ]);
  assertEquals(decision, undefined);
});

const bodies: ServeOptions = {
  maxBodySize: 100,
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/json") return Response.json(await request.json());
    if (pathname === "/form") return new Response([...(await request.formData()).keys()].join());
    if (pathname === "/twice") await request.text();
    return new Response(JSON.stringify(JSON.parse(await request.text())));
  },
};

const cases: [what: string, path: string, fields: string, body: string, status: number][] = [
  ["JSON", "/json", "", "[1]", 200],
  ["no JSON", "/json", "", "{", 400],
  ["no body for JSON", "/json", "", "", 400],
  ["a form", "/form", "Content-Type: application/x-www-form-urlencoded\r\n", "a=1", 200],
  ["no form", "/form", "Content-Type: text/plain\r\n", "a=1", 400],
  ["a form without a type", "/form", "", "a=1", 400],
  ["half a form", "/form", "Content-Type: multipart/form-data; boundary=x\r\n", "--x\r\n", 400],
  ["a body that is too large for JSON", "/json", "", "1".repeat(101), 413],
  ["what the application parses itself", "/text", "", "{", 500],
  ["what the application reads twice", "/twice", "", "[1]", 500],
];
for (const [what, path, fields, body, status] of cases) {
  test(`serve() answers ${what} with ${status}`, async () => {
    const reported: unknown[] = [];
    const error = (error: unknown): void => void reported.push(error);
    await using server = await serve({ ...bodies, port: 0, error });
    await using peer = await RawPeer.dial(server.port);
    const chunked = body === ""
      ? "0\r\n\r\n"
      : `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    peer.send(`POST ${path} HTTP/1.1\r\nHost: a\r\n${fields}Transfer-Encoding: chunked\r\n\r\n`);
    peer.send(chunked);
    const response = await peer.takeResponse();
    assertEquals([response?.status, reported.length], [status, status === 500 ? 1 : 0]);
    if (status !== 400) return;
    assertStringIncludes(response.body, "Expected the body to be");
    // The body was read to its end, so the connection lives on.
    peer.send("POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n[2]");
    assertEquals((await peer.takeResponse()).body, "[2]");
  });
}

test("serve() answers with a Response that a route throws, also in place of an upgrade", async () => {
  await using server = await serve({
    port: 0,
    routes: {
      "/chat": () => {
        throw new Response("Who are you?", { status: 401, headers: { "x-a": "b" } });
      },
    },
  });
  await using peer = await RawPeer.dial(server.port);
  peer.send(handshake());
  const { status, body, get } = await peer.takeResponse();
  assertEquals([status, body, get("x-a")], [401, "Who are you?", "b"]);
});

test("serve() answers 500 and reports when fetch returns the upgrade of another request", async () => {
  const reported: unknown[] = [];
  let kept: Response | undefined;
  await using server = await serve({
    port: 0,
    error: (error) => void reported.push(error),
    fetch(request, { upgrade }) {
      if (new URL(request.url).pathname === "/kept") return new Response(null, kept);
      kept = upgrade({});
      return new Response("page");
    },
  });
  await using first = await RawPeer.dial(server.port);
  first.send(handshake());
  assertEquals((await first.takeResponse()).status, 200);
  await using second = await RawPeer.dial(server.port);
  second.send(handshake().replace(/^GET \S+/, "GET /kept"));
  assertEquals((await second.takeResponse()).status, 500);
  assertEquals(reported.map(String), [
    "TypeError: Expected the Response of this request's own upgrade(), got that of another request: " +
    "call upgrade() anew for each request",
  ]);
  assertEquals(server.stats().refused.error, 1);
});
