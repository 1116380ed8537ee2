// The site of the documentation, as `npm run docs` has built it.
//
// 1. What its pages link to is there, to the heading, and they load nothing from another host.
// 2. Some of its pages, one of each kind, are looked at in Chromium: without a violation of WCAG 2.2, and
//    within the screen of a phone.
// 3. SCREENSHOTS=folder keeps pictures of these pages.

import { assert, assertEquals, assertGreater } from "@std/assert";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { groups } from "../../docs/.vitepress/sidebar.ts";
import { writtenPages } from "../../docs/.vitepress/repository.ts";
import jsr from "../../jsr.json" with { type: "json" };
import { serveSite, siteFolder } from "../support/site.ts";
import { runtime, test } from "../support/test.ts";
import { keepPicture, openPage, screens, shows, skip, violations, withSite } from "./browser.ts";

/** A page of each kind: home, text and code, a table, the reference, the text of a file. */
const kinds: Readonly<Record<string, string>> = {
  home: "/",
  text: "/guides/frameworks.html",
  table: "/comparison.html",
  reference: "/reference/api/@sansocket/ws/functions/serve.html",
  file: "/source/test/fuzz_test_ts.html",
};

const needsBuild = runtime !== "node" && "the site is built once, and read on Node";

test("site: every link leads to a page that is there, and to its heading", async () => {
  await using _server = await serveSite();
  const pages = htmlFiles();
  const anchors = new Map(pages.map((page) => [page, idsOf(page)]));
  const dead: string[] = [];
  for (const page of pages) {
    for (const href of linksOf(page)) {
      const [path = "", hash = ""] = href.split("#");
      const target = path === "" ? page : fileOf(posix.join("/", posix.dirname(page), path), path);
      const ids = anchors.get(target);
      const there = ids !== undefined
        ? hash === "" || ids.has(decodeURIComponent(hash))
        : existsSync(join(siteFolder, target));
      if (!there) dead.push(`${page}: ${href}`);
    }
  }
  assertGreater(pages.length, 100);
  assertEquals([...new Set(dead)], []);
}, { skip: needsBuild });

test("site: the sidebar has each page that people write, and no other", () => {
  const listed = groups.flatMap(({ items }) => items.map(({ link }) => link.split("#")[0]));
  const written = writtenPages()
    .map((page) => page.replace(/^docs|\.md$/g, "").replace(/^(?!\/)/, "/"))
    .filter((page) => page !== "/index");
  assertEquals([...new Set(listed)].sort(), [...written, "/reference/api/"].sort());
}, { skip: needsBuild });

test("site: each page is there as Markdown too, and llms.txt lists it", async () => {
  await using server = await serveSite();
  const list = await (await fetch(new URL("/llms.txt", server.url))).text();
  const pages = writtenPages().map((page) => page.replace(/^docs\//, ""));
  const missing = pages.filter((page) => !list.includes(`(/${page})`));
  assertEquals(missing, []);
  for (const page of pages) {
    const response = await fetch(new URL(page, server.url));
    assertEquals([page, response.status], [page, 200]);
    assert((await response.text()).length > 100, page);
  }
}, { skip: needsBuild });

test("site: the reference has each entry point", () => {
  const entries = Object.keys(jsr.exports).map((name) => `@sansocket/ws${name.slice(1)}`);
  const missing = entries.filter((entry) =>
    !existsSync(join(siteFolder, "reference/api", entry, "index.html"))
  );
  assertEquals(missing, []);
}, { skip: needsBuild });

test(
  "site: a page of each kind is accessible in both themes, and fits a wide screen and a phone's",
  () =>
    withSite(async (browser, url, errors) => {
      const look = async ([kind, path]: readonly [string, string]) => {
        const page = await openPage(browser, new URL(path, url).href, errors);
        // A phone gets the same page: what differs is its styles, by the width.
        for (const [screen, size] of Object.entries(screens)) {
          await page.setViewportSize(size);
          const width = await page.evaluate(() => document.documentElement.scrollWidth);
          assertEquals([kind, width], [kind, size.width]);
          for (const theme of ["light", "dark"] as const) {
            await page.emulateMedia({ colorScheme: theme });
            await page.waitForFunction((dark) => {
              const [red] = getComputedStyle(document.body).backgroundColor.match(/\d+/) ?? [];
              return (Number(red) < 128) === dark;
            }, theme === "dark");
            await keepPicture(page, `site-${kind}-${screen}-${theme}`);
            assertEquals([kind, screen, theme, await violations(page)], [kind, screen, theme, []]);
          }
        }
        await page.context().close();
      };
      await Promise.all(Object.entries(kinds).map(look));
    }),
  { skip, timeout: 180_000 },
);

/** What a reader may type into the search, and the page that has to come first. */
const searches: Readonly<Record<string, string>> = {
  "close code": "/reference/errors.html#close-codes",
  "ECONNREFUSED": "/reference/errors.html#",
  "maxMessageSize": "/reference/options.html#",
  "nginx": "/deploy.html#nginx",
  "cookie": "/guides/authentication.html#a-cookie",
  "compression": "/guides/compression.html#",
  "heartbeat": "/guides/heartbeat.html#",
  "socket.io": "/migrating.html#socketio",
  "CloseCause": "/reference/api/@sansocket/ws/#closecause",
  "readCookies": "/reference/api/@sansocket/ws/functions/readCookies.html#",
};

test(
  "site: the search finds a page by its words, and asks no other host",
  () =>
    withSite(async (browser, url, errors) => {
      const page = await openPage(browser, url, errors);
      const foreign: string[] = [];
      page.on("request", (request) => {
        if (!request.url().startsWith(url) && !request.url().startsWith("data:")) {
          foreign.push(request.url());
        }
      });
      // Its program is at work once it has taken over what the server sent.
      await page.waitForFunction(() => "__vue_app__" in document.querySelector("#app")!);
      await page.keyboard.press("Control+k");
      const input = page.locator(".VPLocalSearchBox input");
      for (const [words, first] of Object.entries(searches)) {
        await input.fill(words);
        await page.locator(`.VPLocalSearchBox li:first-child > a.result[href^="${first}"]`)
          .waitFor();
      }
      await input.fill("slow reader backpressure");
      await shows(page, ".VPLocalSearchBox .result", "Backpressure");
      await page.keyboard.press("Enter");
      await shows(page, "h1", /\w/);
      assertEquals(foreign, []);
    }),
  { skip, timeout: 120_000 },
);

/** The pages of the site, as paths in its folder. */
function htmlFiles(): string[] {
  return readdirSync(siteFolder, { recursive: true, encoding: "utf8" })
    .map((path) => `/${path.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(".html"));
}

function html(page: string): string {
  return readFileSync(siteFolder + page, "utf8");
}

/** The names that an address may have behind its `#`. */
function idsOf(page: string): Set<string> {
  return new Set(
    [...html(page).matchAll(/\sid="([^"]+)"/g)].map(([, id = ""]) => decodeEntities(id)),
  );
}

/** What a page links to and what it loads, without what is on other hosts. */
function linksOf(page: string): string[] {
  const found: string[] = [];
  for (
    const [, tag, name, link = ""] of html(page).matchAll(/<(\w+)\b[^>]*?\s(href|src)="([^"]*)"/g)
  ) {
    if (/^(?:https?|data|mailto):/.test(link)) {
      assert(tag === "a" || link.startsWith("data:"), `${page} loads ${name} ${link}`);
    } else if (link !== "") {
      found.push(decodeEntities(link));
    }
  }
  return found;
}

/** The file that a server of files would send. */
function fileOf(resolved: string, path: string): string {
  const file = decodeURIComponent(path.startsWith("/") ? path : resolved);
  if (file.endsWith("/")) return `${file}index.html`;
  return /\.\w+$/.test(file) ? file : `${file}.html`;
}

function decodeEntities(text: string): string {
  return text.replaceAll("&amp;", "&").replaceAll("&quot;", '"').replaceAll("&#39;", "'");
}
