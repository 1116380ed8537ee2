import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { createServerRequest, Departure, mistakeInBody } from "../../src/server/server_request.ts";
import { test } from "../support/test.ts";

function post(body: BodyInit | null, type?: string): Request {
  const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
  return createServerRequest("http://a/", { method: "POST", headers, body });
}

const FORM = "application/x-www-form-urlencoded";

test("createServerRequest() makes a Request, and reads a body as any", async () => {
  const request = post('{"a":1}', "application/json");
  assertInstanceOf(request, Request);
  assertEquals(await new Request(request).text(), '{"a":1}');
  assertEquals(await post("[1]").json(), [1]);
  assertEquals((await post("a=1", FORM).formData()).get("a"), "1");
  assertEquals(await post("text").text(), "text");
});

for (
  const [what, read] of [
    ["no JSON", () => post("{").json()],
    ["nothing at all", () => post(null).json()],
    ["no JSON, read from a copy", () => post("{").clone().json()],
    ["no form", () => post("a", "text/plain").formData()],
    ["a form without a type", () => post(new Uint8Array([1])).formData()],
    ["a form without its boundary", () => post("a", "multipart/form-data; boundary=b").formData()],
  ] as const
) {
  test(`mistakeInBody() knows what ${what} rejects with`, async () => {
    const error = await assertRejects(read);
    assertEquals(mistakeInBody(error)?.status, 400);
  });
}

for (
  const [what, read] of [
    ["another's", () => JSON.parse("{")],
    ["a body that is read twice", async () => {
      const request = post("[]");
      await request.text();
      return await request.json();
    }],
    ["a body that somebody else reads", () => {
      const request = post("[]");
      request.body?.getReader();
      return request.formData();
    }],
    ["nothing", () => Promise.reject(undefined)],
  ] as [string, () => Promise<unknown>][]
) {
  test(`mistakeInBody() does not know what ${what} rejects with`, async () => {
    let rejected = false;
    try {
      await read();
    } catch (error) {
      rejected = true;
      assertEquals(mistakeInBody(error), undefined);
    }
    assert(rejected);
  });
}

for (const asked of ["before", "after"] as const) {
  test(`createServerRequest() signal aborts when the client goes, asked for ${asked} that`, () => {
    const departure = new Departure();
    const request = createServerRequest("http://a/", { method: "POST", body: "a" }, departure);
    const signals = () => [
      request.signal,
      request.clone().signal,
      new Request("http://b/", request).signal,
    ];
    const before = asked === "before" ? signals() : [];
    assertEquals(before.map(({ aborted }) => aborted), before.map(() => false));
    departure.tell("gone");
    departure.tell("gone twice");
    for (const signal of asked === "before" ? before : signals()) {
      assertInstanceOf(signal, AbortSignal);
      assertEquals([signal.aborted, signal.reason.name, signal.reason.message], [
        true,
        "AbortError",
        "gone",
      ]);
    }
    assertEquals(request.signal, request.signal);
  });
}

test("createServerRequest() signal never aborts without a client", () => {
  const request = createServerRequest("http://a/");
  assertInstanceOf(request.signal, AbortSignal);
  assertEquals(request.signal.aborted, false);
});

test("Departure explains() what it was the reason for, once the client has gone", () => {
  const departure = new Departure();
  const abort = new DOMException("mine", "AbortError");
  assertEquals([departure.explains(abort), departure.explains(undefined)], [false, false]);
  departure.tell("gone");
  assert(departure.explains(departure.reason) && departure.explains(abort));
  assertEquals([new Error("mine"), null, undefined].map((e) => departure.explains(e)), [
    false,
    false,
    false,
  ]);
});
