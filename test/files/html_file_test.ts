// Pages from templates, on a file in memory; test/runtimes/shared/files_test.ts has real ones.

import { assertEquals, assertRejects } from "@std/assert";
import { Html, html } from "@sansocket/ws";
import { createHtmlFile, type HtmlFile } from "../../src/files/html_file.ts";
import { test } from "../support/test.ts";

/** A page of a text that a test may change, with a clock. */
function createPage(text: string | undefined): {
  readonly page: HtmlFile;
  readonly file: { text: string | undefined; stamps: number; reads: number; now: number };
} {
  const file = { text, stamps: 0, reads: 0, now: 0 };
  const source = {
    path: "/pages/index.html",
    stamp() {
      file.stamps++;
      return Promise.resolve(file.text);
    },
    read() {
      file.reads++;
      return Promise.resolve(file.text ?? "");
    },
  };
  return { page: createHtmlFile(() => Promise.resolve(source), () => file.now), file };
}

const render = async (text: string, values?: Record<string, unknown>) =>
  String(await createPage(text).page.render(values));

test("htmlFile escapes what it puts in, unless it is HTML", async () => {
  const text = '<p title="${title}">${name}</p>${list}';
  const values = {
    title: `"'`,
    name: "<b> & ${name}",
    list: [html`<i>${"<"}</i>`, new Html("<hr>"), undefined, null, false, 0],
  };
  assertEquals(
    await render(text, values),
    '<p title="&quot;&#39;">&lt;b&gt; &amp; ${name}</p><i>&lt;</i><hr>0',
  );
});

test("htmlFile takes names as JavaScript has them, one at the edge and beside another", async () => {
  assertEquals(await render("${a}${$b_1}x${\u00e4}", { a: 1, $b_1: 2, "\u00e4": 3 }), "12x3");
  assertEquals(await render("", {}), "");
  assertEquals(await render("no names $ { } $5", undefined), "no names $ { } $5");
});

test("htmlFile leaves scripts, styles and comments alone, and takes \\${ for itself", async () => {
  const alone = [
    "<script>const a = `${b + 1} ${c}`;</script>",
    "<STYLE media='x'>p { content: '${d}' }</STYLE >",
    "<!-- <script> ${e} -->",
  ].join("\n");
  assertEquals(await render(`${alone} \${a} \\\${b}`, { a: 1 }), `${alone} 1 \${b}`);
  assertEquals(
    await render('<script src="${a}">${b}</script>', { a: "&" }),
    '<script src="&amp;">${b}</script>',
  );
});

test("htmlFile refuses a name without a value, and says what to do", async () => {
  await assertRejects(
    () => render("${a}${name}", { a: 1, other: 2 }),
    Error,
    "Expected a value for ${name} in /pages/index.html, got a, other: add it to the call, or " +
      "write \\${name} in the file for the text itself",
  );
  await assertRejects(() => render("${toString}"), Error, "Expected a value for ${toString}");
  await assertRejects(() => render("${a}"), Error, "got none: add it");
  assertEquals(await render("${a}", { a: undefined }), "");
});

test("htmlFile refuses what is no name, with the line", async () => {
  for (const place of ["${a.b}", "${}", "${a + 1}", "${1}", "${ a }", "${a"]) {
    await assertRejects(
      () => render(`<p>\n\n${place}\n}`, { a: 1 }),
      Error,
      `Expected \${name}, with \\\${ for the text itself, got ${place} in line 3 of /pages/index.html`,
    );
  }
});

test("htmlFile refuses a value in an attribute without quotes", async () => {
  const bad = [
    "<a href=${a}>",
    "<a href=/x/${a}>",
    "<a ${a}>",
    '<a title="x" href=${a}>',
  ];
  for (const text of bad) {
    await assertRejects(() => render(text, { a: 1 }), Error, "Expected quotes around");
  }
  const good = [
    "<a href='${a}'>",
    '<a title="${a}" href="/${a}/">',
    "<b>1 < 2 = ${a}</b>",
    "a=${a}",
  ];
  for (const text of good) assertEquals(await render(text, { a: 1 }), text.replaceAll("${a}", "1"));
});

test("htmlFile responds with the page as HTML, and the status and fields that it is given", async () => {
  const { page } = createPage("<p>${a}");
  const response = await page.respond({ a: "\u00e4" });
  assertEquals([response.status, await response.text()], [200, "<p>\u00e4"]);
  assertEquals(response.headers.get("content-type"), "text/html; charset=utf-8");
  const other = await page.respond({ a: 1 }, { status: 404, headers: { "x-a": "b" } });
  assertEquals([other.status, other.headers.get("x-a")], [404, "b"]);
});

test("htmlFile reads the file once, and again when it has changed and 100 ms have passed", async () => {
  const { page, file } = createPage("one");
  const shown = async () => String(await page.render());
  assertEquals([await shown(), await shown()], ["one", "one"]);
  assertEquals([file.stamps, file.reads], [1, 1]);
  file.text = "two";
  file.now = 99;
  assertEquals([await shown(), file.stamps], ["one", 1]);
  file.now = 100;
  assertEquals([await Promise.all([shown(), shown()]), file.stamps, file.reads], [
    ["two", "two"],
    2,
    2,
  ]);
  file.now = 200;
  assertEquals([await shown(), file.stamps, file.reads], ["two", 3, 2]);
});

test("htmlFile says what to do without a file, and takes one that comes later", async () => {
  const { page, file } = createPage(undefined);
  await assertRejects(
    () => page.render(),
    Error,
    "Expected a file at /pages/index.html, found none: give htmlFile() a path",
  );
  file.text = "here";
  file.now = 100;
  assertEquals(String(await page.render()), "here");
  file.text = "${1}";
  file.now = 200;
  await assertRejects(() => page.respond(), Error, "line 1");
  file.text = "mended";
  file.now = 300;
  assertEquals(String(await page.render()), "mended");
});
