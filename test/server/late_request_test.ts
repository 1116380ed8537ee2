// The Request of an open connection, made of what is kept of its opening handshake.

import { assertEquals, assertStrictEquals } from "@std/assert";
import { createRequestParser, type RequestHead } from "../../src/http/head.ts";
import { requestLater, toHead } from "../../src/server/late_request.ts";
import { createRequest } from "../../src/server/request.ts";
import { test } from "../support/test.ts";

const FIELDS = ["Host", "a:8", "Cookie", "x=1", "X-Two", "1", "x-two", "2", "X-Latin", "caf\xe9"];

function read(): RequestHead {
  const lines = FIELDS.flatMap((name, i) => i % 2 === 0 ? [`${name}: ${FIELDS[i + 1]}\r\n`] : []);
  const text = `GET /room?q=1 HTTP/1.1\r\n${lines.join("")}\r\n`;
  const octets = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const result = createRequestParser({ maxHeadSize: 1000 }).push(octets);
  if (result === undefined || "fault" in result) throw new Error("Expected a head");
  return result.head;
}

const foreign = () => toHead({ method: "GET", target: "/room?q=1", fields: FIELDS });

for (
  const [name, make] of [["was read here", read], ["another server has read", foreign]] as const
) {
  test(`requestLater() makes the Request of a head that ${name}`, () => {
    const { url, method, headers } = requestLater(make(), true).make();
    assertEquals([url, method], ["https://a:8/room?q=1", "GET"]);
    assertEquals([...headers], [
      ["cookie", "x=1"],
      ["host", "a:8"],
      ["x-latin", "caf\xe9"],
      ["x-two", "1, 2"],
    ]);
  });

  test(`requestLater() returns the Request that was given, of a head that ${name}`, () => {
    const head = make();
    const given = createRequest(head, { secure: false });
    if ("reason" in given) throw new Error(given.reason);
    assertStrictEquals(requestLater(head, false, given).make(), given);
  });
}
