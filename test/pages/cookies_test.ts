// What docs/guides/authentication.md says of cookies and origins, in Chromium: which pages send a
// session's cookie along with a WebSocket, and which of them the origin rule stops.

import { assertEquals } from "@std/assert";
import { type FetchHandler, readCookies, serve } from "@sansocket/ws";
import { test } from "../support/test.ts";
import { launch, openPage, skip } from "./browser.ts";

const chat = (origins: string[]): FetchHandler => (request, { upgrade }) =>
  upgrade((ws) => ws.send(readCookies(request).get("session") ?? "no cookie"), { origins });

test("SameSite stops other sites, and the origin rule also others of the same site", async () => {
  const cookie = "session=1; HttpOnly; SameSite=Lax";
  await using server = await serve({
    port: 0,
    routes: {
      "/": () => new Response("Welcome", { headers: { "set-cookie": cookie } }),
      "/default": chat([]),
      "/open": chat(["*"]),
    },
  });
  const at = (name: string, path: string): string =>
    new URL(path, server.url.replace("127.0.0.1", name)).href;
  const browser = await launch("--host-resolver-rules=MAP *.example 127.0.0.1");
  try {
    const page = await openPage(browser, at("app.example", "/"), []);
    const ask = (path: string) =>
      page.evaluate((url) =>
        new Promise<string>((resolve) => {
          const ws = new WebSocket(url);
          ws.onmessage = ({ data }) => resolve(String(data));
          ws.onclose = ({ code }) => resolve(String(code));
        }), at("app.example", path).replace("http", "ws"));
    assertEquals([await ask("/default"), await ask("/open")], ["1", "1"]);

    await page.goto(at("user.app.example", "/favicon.ico")); // the same site
    assertEquals([await ask("/default"), await ask("/open")], ["1006", "1"]);

    await page.goto(at("evil.example", "/favicon.ico")); // another site
    assertEquals([await ask("/default"), await ask("/open")], ["1006", "no cookie"]);
  } finally {
    await browser.close();
  }
}, { skip });
