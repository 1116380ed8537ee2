import { assertEquals } from "@std/assert";
import { addressOf, withoutRow, withRow } from "../../src/util/error_row.ts";
import { test } from "../support/test.ts";

test("addressOf() has the row in lower case", () => {
  assertEquals(addressOf("ECONNREFUSED"), "errors.md#econnrefused");
});

test("withRow() adds the address once, that of the cause", () => {
  const message = withRow("Refused", "ESTATUS");
  assertEquals(message, "Refused (errors.md#estatus)");
  assertEquals(withRow(`No way: ${message}`, "EPROXY"), `No way: ${message}`);
});

test("withoutRow() takes the address off", () => {
  assertEquals(withoutRow(withRow("Refused (503)", "ESTATUS")), "Refused (503)");
  assertEquals(withoutRow("Refused"), "Refused");
});
