// serveFile() and htmlFile() on real files, through a server, on each runtime's own `node:fs`.

import { assertEquals } from "@std/assert";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { htmlFile, serve, serveFile } from "@sansocket/ws";
import type { RouteFunction } from "@sansocket/ws";
import { test } from "../../support/test.ts";

type Get = (path: string, init?: RequestInit) => Promise<Response>;

/** Serves routes beside a folder. */
async function withServer(
  routes: (folder: string) => Record<string, RouteFunction>,
  body: (get: Get, folder: string, errors: string[]) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "file-"));
  const errors: string[] = [];
  const server = await serve({
    port: 0,
    routes: routes(folder),
    error: (error) => errors.push((error as Error).message),
  });
  try {
    await body((path, init) => fetch(new URL(path, server.url), init), folder, errors);
  } finally {
    await server.close();
    rmSync(folder, { recursive: true });
  }
}

test("serveFile answers with a file, by a path or a URL, wherever it lies", () =>
  withServer(
    (folder) => ({
      "/a": serveFile(join(folder, "a.txt")),
      "/b": serveFile(pathToFileURL(join(folder, "\u00fc 1.JSON"))),
      "/c": serveFile(join(folder, ".hidden", "link.css"), { cacheControl: "no-store" }),
      "/d": serveFile(folder),
      "/e": serveFile(join(folder, "a.txt", "below")),
    }),
    async (get, folder, errors) => {
      const early = await get("/a");
      assertEquals([early.status, await early.text()], [404, "Not found"]);
      mkdirSync(join(folder, ".hidden"));
      writeFileSync(join(folder, "a.txt"), "0123456789");
      writeFileSync(join(folder, "\u00fc 1.JSON"), "{}");
      symlinkSync(join(folder, "a.txt"), join(folder, ".hidden", "link.css"));
      const seen = async (path: string, init?: RequestInit) => {
        const response = await get(path, init);
        const { status, headers } = response;
        return [
          status,
          headers.get("content-type"),
          headers.get("cache-control"),
          await response.text(),
        ];
      };
      const text = "text/plain; charset=utf-8";
      assertEquals(await seen("/a"), [200, text, "no-cache", "0123456789"]);
      assertEquals(await seen("/a", { headers: { range: "bytes=-2" } }), [
        206,
        text,
        "no-cache",
        "89",
      ]);
      const etag = (await get("/a", { method: "HEAD" })).headers.get("etag") ?? "";
      assertEquals(await seen("/a", { headers: { "if-none-match": etag } }), [
        304,
        null,
        "no-cache",
        "",
      ]);
      assertEquals((await seen("/a", { method: "PUT" }))[0], 405);
      assertEquals(await seen("/b"), [200, "application/json", "no-cache", "{}"]);
      assertEquals(await seen("/c"), [200, "text/css; charset=utf-8", "no-store", "0123456789"]);
      assertEquals([(await seen("/d"))[0], (await seen("/e"))[0]], [404, 404]);
      assertEquals(errors, []);
    },
  ));

test("htmlFile makes pages of a file, and reports what is missing", () =>
  withServer(
    (folder) => {
      const page = htmlFile(join(folder, "page.html"));
      const other = htmlFile(pathToFileURL(join(folder, "nowhere.html")));
      return {
        "/page": (request) => page.respond({ name: new URL(request.url).searchParams.get("name") }),
        "/bare": () => page.respond(),
        "/other": () => other.respond(),
      };
    },
    async (get, folder, errors) => {
      writeFileSync(join(folder, "page.html"), "<p>\u00e4 ${name}</p>");
      const response = await get("/page?name=<Ann>");
      assertEquals(await response.text(), "<p>\u00e4 &lt;Ann&gt;</p>");
      assertEquals(response.headers.get("content-type"), "text/html; charset=utf-8");
      for (const path of ["/bare", "/other"]) {
        const failed = await get(path);
        assertEquals([failed.status, await failed.text()], [500, "Internal server error"]);
      }
      assertEquals(errors.map((message) => message.slice(0, 26)), [
        "Expected a value for ${nam",
        `Expected a file at ${join(folder, "nowhere.html").slice(0, 7)}`,
      ]);
    },
  ));
