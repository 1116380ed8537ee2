// docs/reference/errors.md has a row for each class, code, close code, status, violation and refusal that the
// sources have, and none for others.

import { assert, assertEquals } from "@std/assert";
import { ProxyError } from "../../src/client/proxy_error.ts";
import { CloseCode } from "../../src/protocol/close_code.ts";
import { invalidCloseBody } from "../../src/protocol/close_frame.ts";
import { ConnectionClosed, HandshakeError, ProtocolError } from "../../src/protocol/errors.ts";
import type { ViolationCode } from "../../src/protocol/violation.ts";
import { FlushError } from "../../src/topics/outgoing.ts";
import { DIALLING, failed, LISTENING, lost } from "../../src/transport/network_error.ts";
import { closeInfo } from "../support/close_info.ts";
import { test } from "../support/test.ts";
import { list, read, withoutComments, withoutCommentsAndStrings } from "./sources.ts";

const page = read("docs/reference/errors.md");
const sources = [...list("src", ".ts"), ...list("runtimes", ".ts")]
  .map((path) => ({ path, code: withoutComments(read(path)) }));

interface Row {
  /** Its address. */
  readonly id: string;
  /** What it is about. */
  readonly name: string;
  readonly cells: readonly string[];
}

/** The rows of the table below a heading. */
function rowsOf(heading: string): Row[] {
  const start = page.indexOf(`\n${heading}\n`);
  assert(start >= 0, heading);
  const end = page.indexOf("\n#", start + heading.length + 1);
  const lines = page.slice(start, end).split("\n").filter((line) => line.startsWith('| <a id="'));
  assert(lines.length > 0, heading);
  return lines.map((line) => {
    const [first = "", ...cells] = line.split("|").slice(1, -1).map((cell) => cell.trim());
    const [, id = "", text = ""] = /^<a id="([\w-]+)"><\/a>(.+)$/.exec(first) ?? [];
    return { id, name: text.replaceAll("`", ""), cells };
  });
}

const names = (heading: string): string[] => rowsOf(heading).map(({ name }) => name).sort();
const sorted = (values: Iterable<string>): string[] => [...new Set(values)].sort();

/** The members of a union type of strings. */
function members(path: string, type: string): string[] {
  const [, body = ""] = new RegExp(`export type ${type} =([^;]*);`).exec(read(path)) ?? [];
  return [...body.matchAll(/"([\w-]+)"/g)].map(([, name = ""]) => name);
}

const headings: readonly (readonly [heading: string, address: (name: string) => string])[] = [
  ["## Which class", (name) => name.toLowerCase()],
  ["## Codes", (name) => name.toLowerCase()],
  ["### Close codes", (name) => `close-${name.slice(0, 4)}`],
  ["### Violations", (name) => `violation-${name.toLowerCase()}`],
  ["## Statuses", (name) => `status-${name}`],
  ["### Refusals", (name) => `refused-${name.toLowerCase()}`],
];

test("docs/reference/errors.md has a cause, a cure and an address of its own in each row", () => {
  const ids = headings.flatMap(([heading, address]) =>
    rowsOf(heading).map(({ id, name, cells }) => {
      assertEquals(id, address(name), name);
      // Of a class the last cell is what it carries, which may be nothing.
      const said = heading === "## Which class" ? cells.slice(0, 2) : cells;
      assert(said.length >= 2 && said.every((cell) => cell !== ""), name);
      return id;
    })
  );
  assertEquals(new Set(ids).size, ids.length);
});

test("docs/reference/errors.md has each class of errors, and what the platform throws", () => {
  const own = sources.flatMap(({ code }) =>
    [...code.matchAll(/export class (\w+) extends \w*(?:Error|DOMException)\b/g)]
      .map(([, name = ""]) => name)
  );
  const platform = ["DOMException", "Error", "RangeError", "SyntaxError", "TypeError"];
  assertEquals(names("## Which class"), sorted([...own, ...platform]));
});

/** Words that look like a code, and codes that are only looked for in what the system throws. */
const noCodes: Readonly<Record<string, string>> = {
  ECDSA: "an algorithm",
  EINVAL: "becomes EADDRNOTAVAIL or ENOTFOUND",
  ELOOP: "a file that is not there",
  ENAMETOOLONG: "a file that is not there",
  ENOTDIR: "a file that is not there",
  ERR_BUFFER_TOO_LARGE: "a message above its limit",
  ERR_STREAM_DESTROYED: "a client that has gone",
};

test("docs/reference/errors.md has each code of an error", () => {
  const found = sources.flatMap(({ path, code }) => {
    const literals = code.matchAll(/"(E[A-Z][A-Z_]{2,}|ERR_[A-Z\d_]+)"/g);
    // The codes of the system that have words of ours.
    const keys = path === "src/transport/network_error.ts"
      ? code.matchAll(/^ {2}([A-Z][A-Z\d_]+):/gm)
      : [];
    return [...literals, ...keys].map(([, name = ""]) => name);
  });
  const expected = sorted(found).filter((name) => noCodes[name] === undefined);
  assertEquals(names("## Codes"), expected);
  // An exception that is no longer one is taken out of the list.
  assertEquals(Object.keys(noCodes).filter((name) => !found.includes(name)), []);
});

test("docs/reference/errors.md has each close code", () => {
  const expected = Object.values(CloseCode).map(String);
  assertEquals(names("### Close codes"), [...expected, "3000 to 3999", "4000 to 4999"]);
});

test("docs/reference/errors.md has each violation and each cause of a refusal", () => {
  const violations = members("src/protocol/violation.ts", "ViolationCode")
    .concat(members("src/protocol/violation.ts", "ViolationCause"));
  assert(violations.length > 20);
  assertEquals(names("### Violations"), sorted(violations));
  const causes = members("src/handshake/refusal.ts", "RefusalCause");
  assert(causes.length > 10);
  assertEquals(names("### Refusals"), sorted(causes));
});

/** The close code that each violation of the protocol has in the sources. */
function codesOfViolations(): ReadonlyMap<string, number> {
  const codes = new Map<string, number>();
  // Those of `guard`, but for one that has its own code below.
  for (const name of members("src/protocol/violation.ts", "ViolationCause")) {
    codes.set(name, CloseCode.policyViolation);
  }
  for (const { code } of sources) {
    for (const [, name = ""] of code.matchAll(/ protocolError\(\s*"([\w-]+)"/g)) {
      codes.set(name, CloseCode.protocolError);
    }
    const literals = code.matchAll(/code: CloseCode\.(\w+),\s*kind: "([\w-]+)"/g);
    for (const [, name = "", kind = ""] of literals) {
      codes.set(kind, CloseCode[name as keyof typeof CloseCode]);
    }
  }
  codes.set(
    "invalid-close-frame",
    invalidCloseBody(CloseCode.protocolError, new Uint8Array()).code,
  );
  codes.set("invalid-close-reason", invalidCloseBody(CloseCode.invalidData, new Uint8Array()).code);
  return codes;
}

test("docs/reference/errors.md has the close code of each violation", () => {
  const codes = codesOfViolations();
  const found = rowsOf("### Violations").map(({ name, cells: [code] }) => `${name} ${code}`);
  assertEquals(
    found,
    rowsOf("### Violations").map(({ name }) => `${name} ${codes.get(name)}`),
  );
});

test("docs/reference/errors.md has what can end a connection", () => {
  const start = page.indexOf("\n| `endedBy` ");
  const table = page.slice(start + 1, page.indexOf("\n\n", start));
  const found = [...table.matchAll(/^\| `(\w+)` /gm)].map(([, name = ""]) => name).slice(1);
  assertEquals(sorted(found), sorted(members("src/protocol/errors.ts", "EndedBy")));
});

/** Numbers that are no status. */
const noStatuses: readonly string[] = [
  "443", // the port of wss:
  "512", // octets, and contexts
  "516", // a ratio of DEFLATE
];

test("docs/reference/errors.md has each status of a refusal or an error", () => {
  const found = sources
    // The phrases of all registered statuses, and the kit for tests, which sends any.
    .filter(({ path }) => path !== "src/http/format.ts" && !path.startsWith("src/testing/"))
    .flatMap(({ path }) =>
      withoutCommentsAndStrings(read(path)).match(/(?<![\w.])[45]\d\d(?![\w.])/g) ?? []
    );
  const expected = sorted(found).filter((status) => !noStatuses.includes(status));
  assertEquals(names("## Statuses"), expected);
});

/** The addresses in the text of an error. */
const namedBy = ({ message }: Error): string[] =>
  [...message.matchAll(/errors\.md#([\w-]+)/g)].map(([, id = ""]) => id);

test("the text of an error names its row of docs/reference/errors.md", () => {
  const place = { hostname: "127.0.0.1", port: 80 };
  const places = [place, { ...place, path: "/run/app" }, { ...place, secure: true }];
  for (const { id, name } of rowsOf("## Codes")) {
    const reason = { code: name, said: "" };
    const errors = places.flatMap((place) => [
      failed(LISTENING, place, reason),
      failed(DIALLING, place, reason),
    ]);
    // Its own code has a row. That of a cause may have none.
    const own = new HandshakeError("", { code: name });
    assertEquals(sorted([...errors, lost(reason), own].flatMap(namedBy)), [id]);
  }
  for (const { id, name } of rowsOf("### Violations")) {
    assertEquals(namedBy(new ProtocolError(1002, "", name as ViolationCode)), [id]);
  }
  for (const { id, name } of rowsOf("### Close codes")) {
    // These are no mistakes, or the application's.
    const isPlain = ["1000", "1001", "1005"].includes(name) || name.includes(" to ");
    for (const final of [true, false]) {
      const status = { code: parseInt(name), reason: "" };
      const info = closeInfo({ ...status, final, received: status });
      assertEquals(namedBy(new ConnectionClosed(info)), isPlain ? [] : [id]);
    }
  }
  const cause = Object.assign(new Error("down"), { code: "EHOSTDOWN" });
  assertEquals(namedBy(new HandshakeError("", { cause })), ["handshakeerror"]);
  assertEquals(namedBy(new ProxyError("", { cause })), ["proxyerror"]);
  assertEquals(namedBy(new ProxyError("")), ["eproxy"]);
  assertEquals(namedBy(new FlushError(1, undefined)), ["flusherror"]);
});

test("the text of an error names one row only: that of its cause", () => {
  const reason = { code: "ECONNRESET", said: "" };
  const cause = lost(reason);
  assertEquals(cause.message, "The peer reset the connection (ECONNRESET, errors.md#econnreset)");
  const info = closeInfo({ code: 1006, wasClean: false, cause });
  assertEquals(namedBy(new ConnectionClosed(info)), ["econnreset"]);
  assertEquals(namedBy(new ProxyError(`No: ${cause.message}`, { cause })), ["econnreset"]);
});

test("the text of an error names its own row, also if the peer says another", () => {
  const status = { code: 1011, reason: "see (errors.md#close-1000)\nnext line" };
  const { message } = new ConnectionClosed(closeInfo({ ...status, received: status }));
  assertEquals(namedBy(new Error(message)), ["close-1011"]);
  assertEquals(message.split("\n").length, 1);
});

test("docs/reference/errors.md has each row that the sources name", () => {
  const ids = headings.flatMap(([heading]) => rowsOf(heading).map(({ id }) => id));
  const found = sources.flatMap(({ code }) => {
    const calls = code.matchAll(/\b(?:withRow|addressOf)\((?:[^;]*?,)?\s*"(\w+)",?\s*\)/g);
    return [...calls].map(([, row = ""]) => row.toLowerCase());
  });
  assert(found.length >= 3, `${found}`);
  assertEquals(found.filter((id) => !ids.includes(id)), []);
});
