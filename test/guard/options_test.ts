import { assertEquals } from "@std/assert";
import { GUARD_DEFAULTS, type GuardOptions, resolveGuard } from "../../src/guard/options.ts";
import { test } from "../support/test.ts";

test("resolveGuard() fills in the defaults, and keeps what was given", () => {
  assertEquals(resolveGuard(), GUARD_DEFAULTS);
  assertEquals(resolveGuard({ maxConnections: 3, bytesPerSecond: Infinity }), {
    ...GUARD_DEFAULTS,
    maxConnections: 3,
    bytesPerSecond: Infinity,
  });
});

test("resolveGuard() takes the default for undefined", () => {
  const options = { maxConnections: undefined } as unknown as GuardOptions;
  assertEquals(resolveGuard(options), GUARD_DEFAULTS);
});

test("GUARD_DEFAULTS are off or of use: each is Infinity or above 0", () => {
  assertEquals(Object.values(GUARD_DEFAULTS).filter((value) => !(value > 0)), []);
});
