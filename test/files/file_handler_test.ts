// The rules of serving files, on a folder in memory; test/runtimes/shared/folder_test.ts has real ones.

import { assertEquals } from "@std/assert";
import { createFileHandler } from "../../src/files/file_handler.ts";
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
