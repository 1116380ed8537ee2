import { assertEquals } from "@std/assert";
import { type Answer, createMethods } from "../../src/server/route_methods.ts";
import { test } from "../support/test.ts";

const upgrade = () => new Response();

function answering(...methods: string[]): Answer {
  return createMethods(new Map(methods.map((method) => [method, () => new Response(method)])));
}

async function ask(answer: Answer, method: string): Promise<string> {
  const response = await answer(new Request("http://a/", { method }), { upgrade }, {});
  return `${response.status} ${response.headers.get("allow") ?? await response.text()}`;
}

test("createMethods answers what is named, and HEAD by GET", async () => {
  const answer = answering("GET", "PATCH");
  assertEquals(await ask(answer, "GET"), "200 GET");
  assertEquals(await ask(answer, "PATCH"), "200 PATCH");
  assertEquals(await ask(answer, "HEAD"), "200 GET");
  assertEquals(await ask(answering("GET", "HEAD"), "HEAD"), "200 HEAD");
});

test("createMethods answers OPTIONS by what is there, unless it is named", async () => {
  assertEquals(await ask(answering("GET"), "OPTIONS"), "204 GET, HEAD, OPTIONS");
  assertEquals(await ask(answering("POST"), "OPTIONS"), "204 POST, OPTIONS");
  assertEquals(await ask(answering("OPTIONS"), "OPTIONS"), "200 OPTIONS");
});

test("createMethods answers any other method with 405 and what is there", async () => {
  assertEquals(await ask(answering("GET"), "POST"), "405 GET, HEAD, OPTIONS");
  assertEquals(await ask(answering("PUT"), "HEAD"), "405 PUT, OPTIONS");
  assertEquals(await ask(answering("PUT"), "MKCOL"), "405 PUT, OPTIONS");
});
