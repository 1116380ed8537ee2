import { assertEquals, assertInstanceOf } from "@std/assert";
import { HandshakeError, ProxyError } from "@sansocket/ws";
import { withoutRow } from "../support/error_rows.ts";
import { test } from "../support/test.ts";

test("ProxyError is a HandshakeError with a code in each case", () => {
  const cause = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
  const table: [ConstructorParameters<typeof ProxyError>[1], string][] = [
    [undefined, "EPROXY"],
    [{ status: 502 }, "EPROXY"],
    [{ status: 407 }, "EPROXYAUTH"],
    [{ status: 401 }, "EPROXYAUTH"],
    [{ cause }, "ECONNREFUSED"],
    [{ cause: new Error("no code") }, "EPROXY"],
    [{ cause, code: "ETIMEDOUT" }, "ETIMEDOUT"],
  ];
  for (const [details, code] of table) {
    const error = new ProxyError("No way", details);
    assertInstanceOf(error, HandshakeError);
    assertInstanceOf(error, ProxyError);
    assertEquals([error.name, withoutRow(error.message), error.code], [
      "ProxyError",
      "No way",
      code,
    ]);
    assertEquals([error.status, error.cause], [details?.status, details?.cause]);
  }
  assertEquals(new HandshakeError("No way") instanceof ProxyError, false);
});
