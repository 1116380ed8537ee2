import { assertEquals, assertThrows } from "@std/assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkRuntime } from "../../src/util/requirements.ts";
import { root } from "../support/process.ts";
import { test } from "../support/test.ts";

test("checkRuntime() says in a sentence what an old runtime is missing", () => {
  checkRuntime();
  checkRuntime({ crypto: {} });
  // As Node 18 is.
  const error = assertThrows(() => checkRuntime({}), Error);
  assertEquals(
    error.message,
    "Expected a runtime with Web Crypto (globalThis.crypto), got one without: " +
      "run this with Node 20 or later, Deno or Bun",
  );
});

test("every entry point that runs on Node checks the runtime when it is loaded", () => {
  for (
    const entry of [
      "mod",
      "src/core",
      "runtimes/testing/mod",
      "runtimes/node/mod",
      "runtimes/web/mod",
    ]
  ) {
    const code = readFileSync(join(root, `${entry}.ts`), "utf8");
    assertEquals(code.match(/^checkRuntime\(\);$/gm)?.length, 1, entry);
  }
});
