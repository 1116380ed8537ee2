import { assertEquals } from "@std/assert";
import { printable } from "../../src/handshake/printable.ts";
import { test } from "../support/test.ts";

test("printable keeps printable ASCII", () => {
  const all = String.fromCharCode(...Array.from({ length: 0x5f }, (_, i) => 0x20 + i));
  assertEquals(printable(all.slice(0, 80)), all.slice(0, 80));
  assertEquals(printable(all.slice(80)), all.slice(80));
});

test("printable replaces everything else", () => {
  assertEquals(printable("a\u001b[2J\r\n\u007f\u00e9\u20ac\u0000"), "a?[2J??????");
});

test("printable cuts at 80 characters", () => {
  assertEquals(printable("x".repeat(80)), "x".repeat(80));
  assertEquals(printable("x".repeat(81)), "x".repeat(80) + "...");
});

test("printable() leaves no address of a row in it", () => {
  assertEquals(printable("No (errors.md#estatus)"), "No (?estatus)");
});
