import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { mistakeInBody, ServerRequest } from "../../src/server/server_request.ts";
import { test } from "../support/test.ts";

function post(body: BodyInit | null, type?: string): Request {
  const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
  return new ServerRequest("http://a/", { method: "POST", headers, body });
}

const FORM = "application/x-www-form-urlencoded";

test("ServerRequest is a Request, and reads a body as any", async () => {
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
    assertEquals(typeof mistakeInBody(error), "string");
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
