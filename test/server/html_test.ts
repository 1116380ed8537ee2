import { assertEquals } from "@std/assert";
import { html } from "@sansocket/ws";
import { test } from "../support/test.ts";

test("html escapes values for text and quoted attributes", () => {
  const value = `<a href="x">'&'</a>`;
  const escaped = "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;";
  assertEquals(
    String(html`<p title="${value}">${value}</p>`),
    `<p title="${escaped}">${escaped}</p>`,
  );
});

test("html puts in what is HTML as it is, lists item by item, and nothing for nothing", () => {
  const items = ["a", "<b>"].map((name) => html`<li>${name}</li>`);
  const page = html`<ul>${items}</ul>${undefined}${null}${false}${0}${""}`;
  assertEquals(String(page), "<ul><li>a</li><li>&lt;b&gt;</li></ul>0");
});

test("html has no values, or two in a row", () => {
  assertEquals(String(html``), "");
  assertEquals(String(html`${1}${2}`), "12");
});

test("Html toResponse() has its content type, and what it is told", async () => {
  const response = html`<p>${"é"}</p>`.toResponse();
  assertEquals(
    [response.status, response.headers.get("content-type"), await response.text()],
    [200, "text/html; charset=utf-8", "<p>é</p>"],
  );
  const other = html`x`.toResponse({
    status: 404,
    headers: { "Content-Type": "application/xhtml+xml" },
  });
  assertEquals([other.status, other.headers.get("content-type")], [404, "application/xhtml+xml"]);
});
