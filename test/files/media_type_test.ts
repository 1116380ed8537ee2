import { assertEquals } from "@std/assert";
import { mediaType } from "../../src/files/media_type.ts";
import { test } from "../support/test.ts";

test("mediaType goes by the last extension, in any case", () => {
  const table: readonly (readonly [string, string])[] = [
    ["index.html", "text/html; charset=utf-8"],
    ["a/b/style.CSS", "text/css; charset=utf-8"],
    ["app.js", "text/javascript; charset=utf-8"],
    ["module.mjs", "text/javascript; charset=utf-8"],
    ["data.json", "application/json"],
    ["photo.min.jpeg", "image/jpeg"],
    ["app.wasm", "application/wasm"],
    ["a.tar.gz", "application/gzip"],
    ["README", "application/octet-stream"],
    ["a.html/README", "application/octet-stream"],
    ["a.unknown", "application/octet-stream"],
    ["a.constructor", "application/octet-stream"],
    ["a.", "application/octet-stream"],
    ["", "application/octet-stream"],
  ];
  for (const [name, expected] of table) assertEquals(mediaType(name), expected, name);
});
