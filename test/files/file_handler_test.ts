// The rules of serving files, on a folder in memory; test/runtimes/shared/folder_test.ts has real ones.

import { assertEquals } from "@std/assert";
import { createFileHandler, createSingleFileHandler } from "../../src/files/file_handler.ts";
import type { Folder, OpenFile } from "../../src/files/folder.ts";
import { test } from "../support/test.ts";

/** A folder in memory that notes what is asked of it. */
function createFolder(files: Readonly<Record<string, string>>): {
  readonly folder: Folder;
  readonly asked: string[];
  readonly open: Set<string>;
} {
  const asked: string[] = [];
  const open = new Set<string>();
  const folder: Folder = {
    open(names) {
      const path = names.join("/");
      asked.push(path);
      const text = files[path];
      if (text === undefined) {
        const isFolder = Object.keys(files).some((name) => name.startsWith(`${path}/`));
        return Promise.resolve(isFolder ? "folder" : undefined);
      }
      open.add(path);
      const bytes = new TextEncoder().encode(text);
      const file: OpenFile = {
        size: bytes.length,
        modified: 0,
        read: (start, end) =>
          new ReadableStream({
            pull(controller) {
              controller.enqueue(bytes.slice(start, end));
              controller.close();
              open.delete(path);
            },
          }, { highWaterMark: 0 }),
        close: () => Promise.resolve(void open.delete(path)),
      };
      return Promise.resolve(file);
    },
  };
  return { folder, asked, open };
}

test("createFileHandler closes what it opens, whatever it answers", async () => {
  const { folder, open } = createFolder({ "a.txt": "abc", "empty.txt": "" });
  const handler = createFileHandler(() => Promise.resolve(folder));
  const requests: readonly (readonly [string, RequestInit, number])[] = [
    ["a.txt", {}, 200],
    ["a.txt", { method: "HEAD" }, 200],
    ["a.txt", { headers: { "if-none-match": "*" } }, 304],
    ["a.txt", { headers: { "if-match": '"x"' } }, 412],
    ["a.txt", { headers: { range: "bytes=1-1" } }, 206],
    ["a.txt", { headers: { range: "bytes=9-" } }, 416],
    ["empty.txt", {}, 200],
  ];
  for (const [name, init, status] of requests) {
    const response = await handler(new Request(`http://server.example/${name}`, init));
    assertEquals(response.status, status);
    assertEquals(open.size, response.body === null ? 0 : 1);
    await response.text();
    assertEquals(open.size, 0);
  }
});

test("createFileHandler asks for plain names only", async () => {
  const { folder, asked } = createFolder({ "a/b.txt": "b", "a/index.html": "index" });
  const handler = createFileHandler(() => Promise.resolve(folder));
  const paths = [
    ["a/b.txt", 200],
    ["a%2Fb.txt", 200],
    ["a/", 200],
    ["a", 301],
    ["a//b.txt", 404],
    ["a/..%2fb.txt", 404],
    ["a/.b.txt", 404],
    ["a%5Cb.txt", 404],
    ["a/b.txt%00", 404],
    ["%", 404],
  ] as const;
  for (const [path, status] of paths) {
    const response = await handler(new Request(`http://server.example/${path}`));
    await response.text();
    assertEquals(response.status, status, path);
  }
  assertEquals(asked, ["a/b.txt", "a/b.txt", "a/index.html", "a"]);
});

test("createFileHandler opens the folder when it is first needed", async () => {
  const { folder } = createFolder({ "a.txt": "a" });
  let opened = 0;
  const handler = createFileHandler(() => {
    opened++;
    return Promise.resolve(folder);
  });
  assertEquals(opened, 0);
  await handler(new Request("http://server.example/.env"));
  await handler(new Request("http://server.example/a.txt", { method: "POST" }));
  assertEquals(opened, 0);
  const response = await handler(new Request("http://server.example/a.txt"));
  assertEquals([await response.text(), opened], ["a", 1]);
});

test("createFileHandler takes the name from the params of a route, unless it has a prefix", async () => {
  const { folder } = createFolder({ "a b.txt": "a" });
  const plain = createFileHandler(() => Promise.resolve(folder));
  const prefixed = createFileHandler(() => Promise.resolve(folder), { prefix: "/p/" });
  const request = new Request("http://server.example/p/a%20b.txt");
  const status = async (handler: typeof plain, params: Record<string, string>) => {
    const response = await handler(request, { params });
    await response.text();
    return response.status;
  };
  assertEquals(await status(plain, { "*": "a b.txt" }), 200);
  // Decoded once: what comes as a parameter is no longer encoded.
  assertEquals(await status(plain, { "*": "a%20b.txt" }), 404);
  assertEquals(await status(plain, { "*": "../a b.txt" }), 404);
  assertEquals(await status(plain, {}), 404);
  assertEquals(await status(prefixed, { "*": "x" }), 200);
});

test("createFileHandler says how long a file is fresh: versioned names for ever", async () => {
  const names: Record<string, boolean> = {
    "app.3f9a2c1b.js": true,
    "app-3F9A2C1B0d.min.css": true,
    "assets/3.3f9a2c1b.js": true,
    "app.js": false,
    "app.3f9a2c1.js": false,
    "photo-20240101.jpg": false,
    "app-deadbeef.js": false,
    "app-3f9a2c1g.js": false,
    "3f9a2c1b.3f9a2c1b/a.js": false,
    "3f9a2c1b": false,
  };
  const { folder } = createFolder(
    Object.fromEntries(Object.keys(names).map((name) => [name, "a"])),
  );
  const handler = createFileHandler(() => Promise.resolve(folder));
  for (const [name, versioned] of Object.entries(names)) {
    const response = await handler(new Request(`http://server.example/${name}`));
    await response.text();
    const expected = versioned ? "max-age=31536000, immutable" : "no-cache";
    assertEquals(response.headers.get("cache-control"), expected, name);
  }
});

test("createFileHandler has Cache-Control on 200, 206 and 304, and not on errors", async () => {
  const { folder } = createFolder({ "a/b.txt": "abc" });
  const control = async (
    cacheControl: string | ((path: string) => string | undefined),
    headers: Record<string, string> = {},
    path = "a/b.txt",
  ) => {
    const handler = createFileHandler(() => Promise.resolve(folder), { cacheControl });
    const response = await handler(new Request(`http://server.example/${path}`, { headers }));
    await response.text();
    return [response.status, response.headers.get("cache-control")];
  };
  assertEquals(await control("no-store"), [200, "no-store"]);
  assertEquals(await control("no-store", { range: "bytes=0-0" }), [206, "no-store"]);
  assertEquals(await control("no-store", { "if-none-match": "*" }), [304, "no-store"]);
  assertEquals(await control("no-store", { "if-match": '"x"' }), [412, null]);
  assertEquals(await control("no-store", { range: "bytes=9-" }), [416, null]);
  assertEquals(await control("no-store", {}, "c"), [404, null]);
  assertEquals(await control((path) => `private, max-age=${path.length}`), [
    200,
    "private, max-age=7",
  ]);
  assertEquals(await control(() => undefined), [200, null]);
});

test("createSingleFileHandler answers by the rules of files, for any path", async () => {
  const { folder, open } = createFolder({ ".a.txt": "abc" });
  const handler = createSingleFileHandler(
    ".a.txt",
    async () => {
      const file = await folder.open([".a.txt"]);
      return file === "folder" ? undefined : file;
    },
    { cacheControl: "no-store" },
  );
  const ask = async (init: RequestInit) => {
    const response = await handler(new Request("http://server.example/any/%/path", init));
    return [response.status, await response.text(), response.headers.get("cache-control")];
  };
  assertEquals(await ask({}), [200, "abc", "no-store"]);
  assertEquals(await ask({ method: "HEAD" }), [200, "", "no-store"]);
  assertEquals(await ask({ headers: { range: "bytes=1-1" } }), [206, "b", "no-store"]);
  assertEquals(await ask({ headers: { "if-none-match": "*" } }), [304, "", "no-store"]);
  assertEquals((await ask({ method: "POST" }))[0], 405);
  assertEquals(open.size, 0);
  const absent = createSingleFileHandler("a", () => Promise.resolve(undefined));
  assertEquals((await absent(new Request("http://server.example/"))).status, 404);
});
