import { assert, assertEquals, assertRejects } from "@std/assert";
import { FormError, readForm, serve } from "@sansocket/ws";
import type { Form, FormOptions } from "@sansocket/ws";
import { test } from "../support/test.ts";

const URLENCODED = "application/x-www-form-urlencoded";
const address = "http://server.example/form";

/** A request with a body. */
function post(body: BodyInit, type?: string): Request {
  const headers = type === undefined ? {} : { "content-type": type };
  return new Request(address, { method: "POST", body, headers });
}

/** What is in a form, files by name, type and content. */
async function entries(form: Form): Promise<unknown[]> {
  const found = [...form].map(async ([name, value]) =>
    typeof value === "string" ? [name, value] : [name, value.name, value.type, await value.text()]
  );
  return await Promise.all(found);
}

test("readForm reads fields that are urlencoded, with defaults", async () => {
  const form = await readForm(
    post("a=1&b=x+%26%20y&a=2&%C3%A4=%E2%82%AC&c", `${URLENCODED};charset=x`),
  );
  assertEquals([form.get("a"), form.get("a", "9"), form.getAll("a")], ["1", "1", ["1", "2"]]);
  assertEquals([form.get("b"), form.get("\u00e4"), form.get("c", "9")], ["x & y", "\u20ac", ""]);
  assertEquals([form.get("d"), form.get("d", "9"), form.getAll("d")], [undefined, "9", []]);
  assertEquals([form.has("a"), form.has("d"), form.file("a"), form.files("a")], [
    true,
    false,
    undefined,
    [],
  ]);
  assertEquals([...form].length, 5);
});

test("readForm reads the multipart form that the platform writes, files too", async () => {
  const data = new FormData();
  data.append("text", "line\r\n\u20ac");
  data.append("picture", new Blob([new Uint8Array([0, 255])], { type: "image/png" }), 'a "b".png');
  data.append("picture", new Blob(["two"]), "2.txt");
  const form = await readForm(new Request(address, { method: "POST", body: data }));
  assertEquals(form.get("text"), "line\r\n\u20ac");
  const file = form.file("picture");
  assert(file !== undefined);
  assertEquals([file.name, file.type], ['a "b".png', "image/png"]);
  assertEquals(new Uint8Array(await file.arrayBuffer()), new Uint8Array([0, 255]));
  assertEquals(form.files("picture").map(({ name }) => name), ['a "b".png', "2.txt"]);
  assertEquals([form.has("picture"), form.get("picture")], [true, undefined]);
});

test("readForm leaves out a file that the user has not chosen", async () => {
  const part = (name: string) =>
    `--x\r\nContent-Disposition: form-data; name="a"; filename="${name}"\r\n\r\n\r\n`;
  const type = "multipart/form-data; boundary=x";
  const form = await readForm(post(`${part("")}--x--`, type));
  assertEquals([form.has("a"), form.file("a"), form.get("a", "b")], [false, undefined, "b"]);
  const empty = await readForm(post(`${part("b.txt")}--x--`, type));
  assertEquals(await entries(empty), [["a", "b.txt", "application/octet-stream", ""]]);
});

test("readForm reads a form with GET from the address", async () => {
  const form = await readForm(new Request(`${address}?name=Ann+B&x=1`));
  assertEquals(await entries(form), [["name", "Ann B"], ["x", "1"]]);
  assertEquals(await entries(await readForm(new Request(address))), []);
});

test("readForm refuses what is no form with 400, and says what it got", async () => {
  const multipart = "multipart/form-data; boundary=x";
  const cases: [Request, string][] = [
    [new Request(address, { method: "POST" }), "got none"],
    [post("{}", "application/json"), 'got "application/json"'],
    [post("a=1", "text/plain"), 'got "text/plain'],
    [post("a=1", "multipart/form-data"), 'got "multipart/form-data"'],
    [post("a=1", `${URLENCODED}-other`), "got"],
    [post("--x\r\n", multipart), "ends with its boundary"],
    [post("--x\r\nX: y\r\n\r\n1\r\n--x--", multipart), "Content-Disposition and a name"],
  ];
  for (const [request, message] of cases) {
    const error = await assertRejects(() => readForm(request), FormError, message);
    assertEquals([error.status, error.name], [400, "FormError"]);
  }
});

test("readForm refuses more than maxSize with 413, by what comes and not by what is declared", async () => {
  let pulled = 0;
  let cancelled = false;
  const body = () =>
    new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++;
        controller.enqueue(new TextEncoder().encode("a".repeat(10)));
      },
      cancel() {
        cancelled = true;
      },
    }, { highWaterMark: 0 });
  const init = { method: "POST", headers: { "content-type": URLENCODED }, duplex: "half" };
  const endless = new Request(address, { ...init, body: body() } as RequestInit);
  const error = await assertRejects(
    () => readForm(endless, { maxSize: 25 }),
    FormError,
    "at most 25 octets (maxSize)",
  );
  assertEquals([error.status, pulled, cancelled], [413, 3, true]);
  const declared = new Request(address, {
    ...init,
    headers: { ...init.headers, "content-length": "26" },
    body: body(),
  } as RequestInit);
  // Some runtimes keep no Content-Length that a program gives.
  if (declared.headers.has("content-length")) {
    await assertRejects(() => readForm(declared, { maxSize: 25 }), FormError, "octets");
    assertEquals(pulled, 3);
  }
  assertEquals(
    (await readForm(post("a".repeat(25), URLENCODED), { maxSize: 25 })).has("a".repeat(25)),
    true,
  );
});

test("readForm refuses more than maxFields with 413, in each form", async () => {
  const data = (count: number) => {
    const form = new FormData();
    for (let i = 0; i < count; i++) form.append("a", "");
    return new Request(address, { method: "POST", body: form });
  };
  const text = (count: number) => new Array(count).fill("a=").join("&");
  for (
    const make of [
      data,
      (count: number) => post(text(count), URLENCODED),
      (count: number) => new Request(`${address}?${text(count)}`),
    ]
  ) {
    assertEquals([...await readForm(make(3), { maxFields: 3 })].length, 3);
    const error = await assertRejects(
      () => readForm(make(4), { maxFields: 3 }),
      FormError,
      "at most 3",
    );
    assertEquals(error.status, 413);
  }
});

test("readForm says what to do where the body has been read", async () => {
  const request = post("a=1", URLENCODED);
  await request.text();
  await assertRejects(() => readForm(request), TypeError, "call readForm() once");
  const locked = post("a=1", URLENCODED);
  locked.body?.getReader();
  await assertRejects(() => readForm(locked), TypeError, "call readForm() once");
  await assertRejects(
    () => readForm(post("a"), { maxsize: 1 } as FormOptions),
    TypeError,
    "maxSize",
  );
});

test("readForm lets through what the body fails with", async () => {
  const body = new ReadableStream({ pull: (controller) => controller.error(new Error("broken")) });
  const init = { method: "POST", headers: { "content-type": URLENCODED }, duplex: "half", body };
  await assertRejects(() => readForm(new Request(address, init as RequestInit)), Error, "broken");
});

test("serve() answers what readForm refuses with its status, and reports nothing", async () => {
  const errors: unknown[] = [];
  const server = await serve({
    port: 0,
    maxBodySize: 100,
    error: (error) => errors.push(error),
    routes: {
      "/form": async (request) => {
        const form = await readForm(request, { maxSize: 50 });
        const file = form.file("file");
        return new Response(`${form.get("name", "stranger")} ${file && await file.text()}`);
      },
      "/caught": async (request) => {
        try {
          await readForm(request);
          return new Response("a form");
        } catch (error) {
          const status = error instanceof FormError ? error.status : 500;
          return new Response("own page", { status });
        }
      },
    },
  });
  const ask = async (path: string, body: BodyInit, type = URLENCODED) => {
    const headers = type === "" ? {} : { "content-type": type };
    const init = { method: "POST", body, headers };
    const response = await fetch(new URL(path, server.url), init);
    return [response.status, (await response.text()).slice(0, 20)];
  };
  assertEquals(await ask("/form", "name=Ann"), [200, "Ann undefined"]);
  assertEquals(await ask("/form", ""), [200, "stranger undefined"]);
  const part =
    '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhi\r\n--x--';
  assertEquals(part.length > 50, true);
  assertEquals(await ask("/form", part, "multipart/form-data; boundary=x"), [
    413,
    "Expected a form of a",
  ]);
  assertEquals(await ask("/form", "{}", "application/json"), [400, "Expected a form: Con"]);
  assertEquals(await ask("/form", `a=${"b".repeat(200)}`), [413, "Expected a body of a"]);
  assertEquals(await ask("/caught", "{}", "application/json"), [400, "own page"]);
  assertEquals(errors, []);
  await server.close();
});
