// serveFiles() on real files, through a server, on each runtime's own `node:fs`.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { serve, serveFiles } from "@sansocket/ws";
import { openFolder } from "../../../runtimes/shared/folder.ts";
import { RawPeer, type RawResponse } from "../../support/raw.ts";
import { test } from "../../support/test.ts";

const MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT";
const LARGE = Uint8Array.from({ length: 1_000_000 }, (_, i) => (i * 7) % 251);

/** Runs `body` with a folder `public` beside what must not be served. */
async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const parent = mkdtempSync(join(tmpdir(), "files-"));
  const folder = join(parent, "public");
  const write = (path: string, data: string | Uint8Array): void => {
    writeFileSync(join(parent, path), data);
    utimesSync(join(parent, path), new Date(MODIFIED), new Date(MODIFIED));
  };
  try {
    for (const path of ["public", "public/sub", "public/.git", "public-too"]) {
      mkdirSync(join(parent, path));
    }
    write("secret.txt", "secret");
    write("public-too/secret.txt", "secret");
    write("public/.env", "secret");
    write("public/.git/config", "secret");
    write("public/index.html", "<h1>Home</h1>");
    write("public/a.txt", "0123456789");
    write("public/empty.txt", "");
    write("public/sub/index.html", "<h1>Sub</h1>");
    write("public/sub/ü 1.json", "{}");
    write("public/large.bin", LARGE);
    symlinkSync(join(folder, "a.txt"), join(folder, "inside.txt"));
    symlinkSync(join(parent, "secret.txt"), join(folder, "outside.txt"));
    symlinkSync(parent, join(folder, "up"));
    symlinkSync(join(parent, "public-too"), join(folder, "beside"));
    symlinkSync(join(folder, ".env"), join(folder, "env.txt"));
    symlinkSync(join(folder, "loop"), join(folder, "loop"));
    symlinkSync(join(parent, "nowhere"), join(folder, "broken"));
    await body(folder);
  } finally {
    rmSync(parent, { recursive: true });
  }
}

type Get = (path: string, ...lines: string[]) => Promise<RawResponse>;

/** Registers a test of a server that has the folder as its pages. */
function scene(name: string, body: (get: Get, folder: string) => Promise<void>): void {
  test(`serveFiles() ${name}`, () =>
    withFolder(async (folder) => {
      await using server = await serve({ port: 0, fetch: serveFiles(folder) });
      await using peer = await RawPeer.dial(server.port);
      await body(async (path, ...lines) => {
        const [method = ""] = path.startsWith("/") ? ["GET"] : path.split(" ");
        const target = path.slice(path.indexOf("/"));
        peer.send([`${method} ${target} HTTP/1.1`, "Host: a", ...lines, "", ""].join("\r\n"));
        return await peer.takeResponse(method);
      }, folder);
    }));
}

scene("answers with a file, its type, length and validators", async (get) => {
  const response = await get("/a.txt");
  assertEquals([response.status, response.body], [200, "0123456789"]);
  assertEquals(response.get("content-type"), "text/plain; charset=utf-8");
  assertEquals(response.get("content-length"), "10");
  assertEquals(response.get("last-modified"), MODIFIED);
  assertEquals(response.get("etag"), `W/"a-${Date.parse(MODIFIED).toString(16)}"`);
  assertEquals(response.get("accept-ranges"), "bytes");
  assertEquals(response.get("x-content-type-options"), "nosniff");
});

scene("answers HEAD with the same fields and no body", async (get) => {
  const names = ["content-type", "content-length", "last-modified", "etag", "accept-ranges"];
  const [byGet, byHead] = [await get("/a.txt"), await get("HEAD /a.txt")];
  assertEquals([byHead.status, byHead.body], [200, ""]);
  assertEquals(names.map(byHead.get), names.map(byGet.get));
});

scene("answers a folder with its index, behind a slash", async (get) => {
  assertEquals((await get("/")).body, "<h1>Home</h1>");
  assertEquals((await get("/sub/")).body, "<h1>Sub</h1>");
  const redirect = await get("/sub?a=1");
  assertEquals([redirect.status, redirect.get("location")], [301, "/sub/?a=1"]);
  const named = await get("/sub/%C3%BC%201.json?x");
  assertEquals([named.status, named.body, named.get("content-type")], [
    200,
    "{}",
    "application/json",
  ]);
});

scene("answers 304 to a client that has the file already", async (get) => {
  const etag = (await get("/a.txt")).get("etag") ?? "";
  assertEquals(/^W\/"[0-9a-f]+-[0-9a-f]+"$/.test(etag), true);
  for (const line of [`If-None-Match: ${etag}`, `If-Modified-Since: ${MODIFIED}`]) {
    const response = await get("/a.txt", line);
    assertEquals([response.status, response.get("etag")], [304, etag], line);
  }
  assertEquals((await get("/a.txt", 'If-None-Match: W/"x"')).status, 200);
});

scene("changes the entity tag with the file", async (get, folder) => {
  const etag = (await get("/a.txt")).get("etag") ?? "";
  writeFileSync(join(folder, "a.txt"), "9876543210");
  const changed = await get("/a.txt", `If-None-Match: ${etag}`);
  assertEquals([changed.status, changed.body], [200, "9876543210"]);
});

scene("answers 206 for a range and 416 for one beyond the end", async (get) => {
  const part = await get("/a.txt", "Range: bytes=2-4");
  assertEquals([part.status, part.body], [206, "234"]);
  assertEquals([part.get("content-range"), part.get("content-length")], ["bytes 2-4/10", "3"]);
  const beyond = await get("/a.txt", "Range: bytes=10-");
  assertEquals([beyond.status, beyond.body], [416, ""]);
  assertEquals(beyond.get("content-range"), "bytes */10");
  const suffix = await get("/large.bin", "Range: bytes=-3");
  assertEquals([...suffix.body].map((c) => c.charCodeAt(0)), [...LARGE.slice(-3)]);
});

scene("streams a large file whole, and an empty one", async (get) => {
  const large = await get("/large.bin");
  const bytes = Uint8Array.from(large.body, (character) => character.charCodeAt(0));
  assertEquals([bytes.length, bytes.every((byte, i) => byte === LARGE[i])], [LARGE.length, true]);
  const empty = await get("/empty.txt");
  assertEquals([empty.status, empty.body, empty.get("content-length")], [200, "", "0"]);
});

scene("answers 404 for what is not there", async (get) => {
  for (const path of ["/b.txt", "/sub/b/", "/a.txt/", "/a.txt/b", `/${"a".repeat(5000)}`]) {
    const response = await get(path);
    assertEquals([response.status, response.body], [404, "Not found"], path.slice(0, 20));
  }
});

scene("answers 404 for every way out of the folder, and for dotfiles", async (get) => {
  const paths = [
    "/../secret.txt",
    "/%2e%2e/secret.txt",
    "/%2e%2e%2fsecret.txt",
    "/..%2fsecret.txt",
    "/..%5csecret.txt",
    "/sub/..%2f..%2fsecret.txt",
    "/sub/%2e%2e%2f%2e%2e%2fsecret.txt",
    "/%252e%252e%252fsecret.txt",
    "/..%2fpublic-too%2fsecret.txt",
    "/%2fetc/passwd",
    "//etc/passwd",
    "/sub//index.html",
    "/a.txt%00",
    "/a.txt%00.html",
    "/%zz",
    "/%ff",
    "/.env",
    "/%2eenv",
    "/.git/config",
    "/.git/",
    "/sub%2f.",
    "/outside.txt",
    "/up/secret.txt",
    "/up",
    "/beside/secret.txt",
    "/env.txt",
    "/loop",
    "/broken",
  ];
  for (const path of paths) {
    const response = await get(path);
    assertEquals([response.status, response.body], [404, "Not found"], path);
  }
  assertEquals((await get("/inside.txt")).body, "0123456789");
  // What a link leads back into the folder is inside.
  assertEquals((await get("/up/public/a.txt")).body, "0123456789");
});

scene("never redirects to another host", async (get) => {
  for (const path of ["//sub", "//evil.example/..%2fsub", "/%2fsub", "/\\sub"]) {
    assertEquals((await get(path)).status, 404, path);
  }
});

scene("answers 405 to other methods", async (get) => {
  const response = await get("POST /a.txt", "Content-Length: 0");
  assertEquals([response.status, response.get("allow")], [405, "GET, HEAD"]);
});

test("serveFiles() finds the name behind a route's * or its own prefix", () =>
  withFolder(async (folder) => {
    await using server = await serve({
      port: 0,
      routes: {
        "/static/*": serveFiles(pathToFileURL(`${folder}/`)),
        "/assets/*": serveFiles(folder, { prefix: "/assets/sub", index: "ü 1.json" }),
        "/": serveFiles(folder),
      },
      fetch: serveFiles(folder, { prefix: "/p/" }),
    });
    const get = async (path: string): Promise<string> => {
      const response = await fetch(new URL(path, server.url));
      return `${response.status} ${await response.text()}`;
    };
    assertEquals(await get("/static/a.txt"), "200 0123456789");
    assertEquals(await get("/static/"), "200 <h1>Home</h1>");
    assertEquals(await get("/static/sub"), "200 <h1>Sub</h1>");
    assertEquals(await get("/assets/sub/index.html"), "200 <h1>Home</h1>");
    assertEquals(await get("/assets/a.txt"), "404 Not found");
    assertEquals(await get("/assets/sub/"), "404 Not found");
    assertEquals(await get("/"), "200 <h1>Home</h1>");
    assertEquals(await get("/p/a.txt"), "200 0123456789");
    assertEquals(await get("/pa.txt"), "404 Not found");
    assertEquals(await get("/a.txt"), "404 Not found");
  }));

test("serveFiles() refuses a prefix without a slash and an index that is no name", () => {
  assertThrows(() => serveFiles("a", { prefix: "static/" }), TypeError, "Expected prefix to begin");
  for (const index of ["", "a/b", ".hidden", "..", "a\\b"]) {
    assertThrows(() => serveFiles("a", { index }), TypeError, "Expected index to be the name");
  }
});

test("serveFiles() reports a folder that is not there, and finds it when it is", async () => {
  const parent = mkdtempSync(join(tmpdir(), "files-"));
  const reported: unknown[] = [];
  const server = await serve({
    port: 0,
    error: (error) => reported.push((error as { code?: string }).code),
    fetch: serveFiles(join(parent, "later")),
  });
  const status = async () => {
    const response = await fetch(new URL("/a.txt", server.url));
    await response.text();
    return response.status;
  };
  assertEquals([await status(), reported], [500, ["ENOENT"]]);
  mkdirSync(join(parent, "later"));
  writeFileSync(join(parent, "later", "a.txt"), "a");
  assertEquals([await status(), reported.length], [200, 1]);
  await server.close();
  rmSync(parent, { recursive: true });
});

test("openFolder() reads a file in pieces, and lets go of it when cancelled", () =>
  withFolder(async (path) => {
    const folder = await openFolder(path);
    const file = await folder.open(["large.bin"]);
    if (file === undefined || file === "folder") throw new Error("Expected a file");
    assertEquals([file.size, file.modified], [LARGE.length, Date.parse(MODIFIED)]);
    const reader = file.read(10, LARGE.length).getReader();
    const { value } = await reader.read();
    assertEquals(value, LARGE.slice(10, 65_546));
    await reader.cancel();
    await assertRejects(() => file.read(0, 1).getReader().read());
    assertEquals(await folder.open(["sub"]), "folder");
    assertEquals(await folder.open(["missing"]), undefined);
  }));

test("openFolder() fails the reading of a file that became shorter", () =>
  withFolder(async (path) => {
    const file = await (await openFolder(path)).open(["a.txt"]);
    if (file === undefined || file === "folder") throw new Error("Expected a file");
    truncateSync(join(path, "a.txt"), 4);
    const reader = file.read(0, file.size).getReader();
    assertEquals((await reader.read()).value?.length, 4);
    await assertRejects(() => reader.read(), Error, "became shorter");
  }));
