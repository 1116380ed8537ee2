import { assertEquals, assertStrictEquals } from "@std/assert";
import { callFetch } from "../../src/server/answer.ts";
import type { FetchHandler } from "../../src/server/context.ts";
import type { HandshakeAcceptance, HandshakeRefusal } from "../../src/handshake/server.ts";
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

test("callFetch() answers 500 to anything else that is thrown, and has it reported", async () => {
  for (const thrown of [new Error("mine"), "text", 5, null, { status: 401 }]) {
    const answer = await call(() => Promise.reject(thrown));
    assertEquals([answer.response.status, answer.error], [500, thrown]);
  }
});

test("callFetch() finds the upgrade, where there is one", async () => {
  for (
    const fetch of [
      (_request, { upgrade }) => upgrade({}),
      (_request, { upgrade }) => Promise.resolve(upgrade({})),
    ] as FetchHandler[]
  ) {
    assertEquals((await call(fetch)).decision?.acceptance, acceptance);
  }
});

test("callFetch() gives the refusal as the Response of upgrade()", async () => {
  const { response, decision } = await call((_request, { upgrade }) => upgrade({}), refusal);
  assertEquals([response.status, await response.text(), response.headers.get("a")], [
    426,
    "Expected another",
    "b",
  ]);
  assertEquals(decision, undefined);
});
