import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { toHeaders } from "../../src/http/fields.ts";
import {
  mergeForUpgrade,
  SHUTTING_DOWN,
  StandIns,
  toResponse,
  whyNotSendable,
} from "../../src/server/stand_in.ts";
import { test } from "../support/test.ts";

const decision = {
  acceptance: { key: "k", protocols: [], extensions: [] },
  handler: {},
  options: { data: 1, headers: [["x-own", "1"], ["set-cookie", "own=1"]] as [string, string][] },
};

test("StandIns finds the decision of a Response, and of a copy of it", () => {
  const standIns = new StandIns();
  const other = standIns.create({ ...decision, handler: { message() {} } });
  const response = standIns.create(decision);
  for (const copy of [response, new Response(response.body, response), response.clone()]) {
    const found = standIns.find(copy);
    assertStrictEquals(found?.handler, decision.handler);
    assertEquals(found?.options.data, 1);
  }
  assertStrictEquals(standIns.find(other)?.handler === decision.handler, false);
});

test("StandIns finds nothing in a Response that stands for no upgrade", () => {
  assertEquals(new StandIns().find(new Response(null)), undefined);
});

test("StandIns throws for the Response of another request's upgrade", () => {
  const theirs = new StandIns().create(decision);
  for (const copy of [theirs, new Response(theirs.body, theirs)]) {
    assertThrows(() => new StandIns().find(copy), TypeError, "that of another request");
  }
});

test("StandIns sends along what middleware added", () => {
  const standIns = new StandIns();
  const response = standIns.create(decision);
  response.headers.append("set-cookie", "theirs=1");
  response.headers.set("x-own", "theirs");
  response.headers.set("x-frame-options", "DENY");
  response.headers.set("content-type", "text/html");
  response.headers.set("connection", "close");
  const headers = toHeaders(standIns.find(response)?.options.headers);
  assertEquals(headers.getSetCookie(), ["theirs=1", "own=1"]);
  assertEquals([...headers.keys()].filter((name) => name !== "set-cookie"), [
    "x-frame-options",
    "x-own",
  ]);
});

test("mergeForUpgrade() leaves out what belongs to a body or to the handshake", () => {
  const merged = mergeForUpgrade([
    ["Content-Length", "1"],
    ["Transfer-Encoding", "chunked"],
    ["Sec-WebSocket-Accept", "x"],
    ["Upgrade", "h2c"],
    ["Content-Security-Policy", "default-src 'none'"],
  ], undefined);
  assertEquals([...merged], [["content-security-policy", "default-src 'none'"]]);
});

test("whyNotSendable() says what is wrong", async () => {
  const used = new Response("x");
  await used.text();
  const cases: [unknown, string | undefined][] = [
    [new Response("x"), undefined],
    [used, "one whose body is used"],
    [Response.error(), "one with status 0"],
    [null, "null"],
    [undefined, "undefined"],
    [{}, "Object"],
  ];
  for (const [value, expected] of cases) assertEquals(whyNotSendable(value), expected);
});

test("toResponse() makes a Response of a refusal", async () => {
  const headers = [["Retry-After", "1"]] as const;
  const response = toResponse({ ...SHUTTING_DOWN, headers });
  assertEquals([response.status, response.headers.get("retry-after")], [503, "1"]);
  assertEquals(await response.text(), "The server is shutting down");
});
