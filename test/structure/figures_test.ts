// Figures that stand in the sentences and tables of the pages are those of the sources, and what
// follows from other figures is worked out again.

import { assert, assertEquals } from "@std/assert";
import { connect, HandshakeError, serve } from "@sansocket/ws";
import { CONNECTION_DEFAULTS } from "../../src/connection/limits.ts";
import { COMPRESSION_DEFAULTS } from "../../src/deflate/options.ts";
import { GUARD_DEFAULTS } from "../../src/guard/options.ts";
import { SHUTTING_DOWN } from "../../src/server/stand_in.ts";
import { test } from "../support/test.ts";
import { read, readJson } from "./sources.ts";

const figure = (value: number): string => value.toLocaleString("en");

/** A number of a source, by a pattern with one group. */
function ofSource(path: string, pattern: RegExp): number {
  const [, digits] = pattern.exec(read(path)) ?? [];
  assert(digits !== undefined, `${path} has no ${pattern}`);
  return Number(digits.replaceAll("_", ""));
}

/** Asserts that a page has a sentence, however its lines are broken. */
function assertSays(page: string, sentence: string): void {
  const text = read(page).replace(/\s+/g, " ");
  assert(text.includes(sentence), `${page} does not say: ${sentence}`);
}

const { interval, timeout } = CONNECTION_DEFAULTS.heartbeat;
const [silence, patience] = [interval / 1_000, timeout / 1_000];
const maxContexts = ofSource("runtimes/shared/zlib.ts", /MAX_CONTEXTS = (\d+)/);

test("figures of the deployment are those of the sources", () => {
  const page = "docs/deploy.md";
  assertSays(page, `silent for longer than ${silence + patience} seconds**`);
  assertSays(
    page,
    `the client has been silent for ${silence} seconds, and gives the client up after ${patience} more.`,
  );
  assertSays(page, `every ${silence} to ${silence + 1} seconds`);
  assertSays(page, `For a limit below ${silence + patience} seconds`);
  assertSays(page, `\`guard.maxConnections\`, which is ${figure(GUARD_DEFAULTS.maxConnections)}`);
  const [, connections, sockets] =
    /`worker_connections (\d+)`, which is enough for (\d+) WebSockets/.exec(
      read(page).replace(/\s+/g, " "),
    ) ?? [];
  assertEquals(Number(sockets), Number(connections) / 2); // each WebSocket takes two
});

test("figures of the shutdown are those of the sources", () => {
  const page = "docs/guides/shutdown.md";
  const [, seconds] = SHUTTING_DOWN.headers?.find(([name]) => name === "Retry-After") ?? [];
  assertSays(page, `New handshakes get ${SHUTTING_DOWN.status} with \`Retry-After: ${seconds}\``);
  const step = ofSource("src/server/shutdown.ts", /Math\.min\((\d+), spread\)/);
  assertSays(page, `a part of them every ${step} ms.`);
  assertSays(page, `as \`closeTimeout\` (${figure(CONNECTION_DEFAULTS.closeTimeout)} ms)`);
});

test("figures of clients are those of the sources", () => {
  const page = "docs/guides/client.md";
  const delay = ofSource("src/transport/happy_eyeballs.ts", /ATTEMPT_DELAY = (\d+)/);
  assertSays(page, `the next one ${delay} ms after the one before`);
  assertSays(page, `a Ping goes out after ${silence} s of silence`);
});

test("figures of what waits before a token are those of the sources", () => {
  const source = "src/connection/read_ahead.ts";
  const count = ofSource(source, /MAX_AHEAD = (\d+)/);
  const size = ofSource(source, /MAX_AHEAD_SIZE = ([\d_]+)/);
  const bound = `${count} of its messages with ${figure(size)} octets`;
  assertSays("docs/guides/authentication.md", `At most ${bound} wait`);
  assertSays("ARCHITECTURE.md", `up to ${count} messages with ${figure(size)} octets in total`);
});

test("the table of compression has the defaults", () => {
  const text = read("docs/guides/compression.md");
  for (const [name, value] of Object.entries(COMPRESSION_DEFAULTS)) {
    assert(new RegExp(`^\\| \`${name}\` +\\| ${value}\\b`, "m").test(text), `${name}: ${value}`);
  }
});

test("the memory of compressed connections is what its parts come to", () => {
  const page = "docs/guides/compression.md";
  assertSays(page, `**${maxContexts} connections of a process**`);
  assertSays(page, `its context, for the ${maxContexts} that sent last`);
  /** On Node, for each idle connection: what it takes, and its context. */
  const onNode = (option: string): number[] => {
    const row = read(page).split("\n").find((line) => line.startsWith(`| \`${option}\` `)) ?? "";
    return row.split("|").slice(3, 5).map((cell) => parseInt(cell));
  };
  const [plain = NaN] = onNode("false");
  const [own = NaN, context = NaN] = onNode("true");
  const total = Math.round((maxContexts * context + 10_000 * own) / 1_024);
  assertSays(page, `take ${maxContexts} × ${context} KiB and 10,000 × ${own} KiB: ${total} MiB`);
  assertSays(page, `without compression they take ${Math.round(10_000 * plain / 1_024)}.`);
});

test("SECURITY.md has the statuses of what the server refuses behind a proxy", async () => {
  await using server = await serve({ port: 0, trustProxy: true, websocket: (ws) => ws.closed });
  const statusFor = async (headers: Record<string, string>): Promise<number | undefined> => {
    const error = await connect(server.url, { headers }).catch((error) => error);
    return error instanceof HandshakeError ? error.status : undefined;
  };
  const large = await statusFor({ cookie: "a".repeat(20_000) });
  assertSays("SECURITY.md", `a head above \`maxHeadSize\` gets ${large}.`);
  assertSays("docs/reference/errors.md", `\`${large}\` | the head is above \`maxHeadSize\``);
  const two = await statusFor({ forwarded: "for=192.0.2.1", "x-forwarded-for": "192.0.2.2" });
  assertSays("SECURITY.md", `name different clients, the request gets ${two}.`);
});

test("README.md and the first server say the same of the versions of Node that run TypeScript", () => {
  const page = read("docs/learn/first-server.md");
  const [, from, except] = /^\| (\d+\.\d+) and later, except ([\d.]+ to [\d.]+) /m.exec(page) ?? [];
  const [, flag] = /^\| (\d+\.\d+) to .*`node --experimental-strip-types /m.exec(page) ?? [];
  assertSays(
    "README.md",
    `by itself from ${from} on, except ${except}. Versions from ${flag} on need`,
  );
});

test("docs/migrating.md and docs/comparison.md name the versions that the tests run", () => {
  const versionOf = (name: string): string =>
    readJson<{ version: string }>(`node_modules/${name}/package.json`).version;
  const names = ["ws", "bun", "deno", "socket.io", "crossws"];
  const table = read("docs/migrating.md").matchAll(
    /^\| \[`?([\w.]+)`?\]\(#[\w-]+\) +\| (\d\S*) +\|/gm,
  );
  const found = new Map([...table].map(([, name = "", version]) => [name.toLowerCase(), version]));
  assertEquals(names.map((name) => found.get(name)), names.map(versionOf));
  const [ws, bun, deno, , crossws] = names.map(versionOf);
  assertSays("docs/comparison.md", `\`ws\` ${ws}, Bun ${bun}, Deno ${deno}, `);
  assertSays("docs/comparison.md", `crossws ${crossws} and`);
});

test("docs/conformance.md has verdicts that come to the number of cases", () => {
  const rows = [...read("docs/conformance.md").matchAll(/^\| [^|]*\d +\|((?: +\d+ +\|){6})$/gm)];
  assert(rows.length >= 9, `${rows.length}`);
  for (const [row, cells = ""] of rows) {
    const [cases, ...verdicts] = cells.split("|").slice(0, -1).map(Number);
    assertEquals(verdicts.reduce((sum, count) => sum + count, 0), cases, row);
  }
});
