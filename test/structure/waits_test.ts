// Tests wait by a clock that they drive (src/testing/clock.ts), not by that of the machine: what waits for 100 ms or more
// has to say why. Found by text:
//
// 1. The delay of a timer, or of a helper that sleeps, as far as it is a number, or a constant of the same file.
// 2. A time that is given to the library, unless the statement around it has a clock, or lets time pass by itself. From 5 s on it counts as a bound:
//    a test that waited for that would be among the slowest.

import { assertEquals } from "@std/assert";
import { list, read, withoutComments } from "./sources.ts";
import { test } from "../support/test.ts";

const LEAST = 100;
const BOUND = 5_000;

const OPTIONS =
  /(?<![\w.])(?:interval|timeout|idleTimeout|maxLifetime|closeTimeout|handshakeTimeout|requestTimeout|stallTimeout|frameTimeout|spread): /g;

/** Waits for real, each as the file and the text that is found there, with the reason. */
const exceptions: readonly [wait: string, reason: string][] = [
  ...of("bounds that only a test that fails, or a program that hangs, waits for", [
    "test/client/connect_test.ts: setTimeout(15_000)",
    "test/conformance/endpoints.ts: setTimeout(SILENCE)",
    "test/faults/server.ts: timeout: 1000",
    "test/faults/soak.ts: setTimeout(PATIENCE)",
    "test/fuzz/waits.ts: setTimeout(BOUND)",
    "test/interop/peers/programs/websocket_stream.ts: setTimeout(5_000)",
    "test/interop/programs/browser.ts: setTimeout(LIFETIME)",
    "test/interop/programs/lines.ts: setTimeout(LIFETIME)",
    "test/interop/programs/lines.ts: setTimeout(5_000)",
    "test/support/process.ts: setTimeout(10_000)",
    "test/topics/changes.ts: setTimeout(PATIENCE)",
  ]),
  ...of("crowds of real sockets: what is asked is what the kernel and the process let go of", [
    "test/faults/handlers_test.ts: closeTimeout: 1_000",
    "test/faults/handlers_test.ts: closeTimeout: 300",
    "test/faults/handlers_test.ts: timeout: 300",
    "test/faults/peers_test.ts: frameTimeout: 300",
    "test/faults/peers_test.ts: handshakeTimeout: 300",
    "test/faults/peers_test.ts: closeTimeout: 300",
    "test/faults/peers_test.ts: closeTimeout: 200",
  ]),
  ...of("until the kernel takes no more of what is sent, which nothing tells", [
    "test/faults/peers_test.ts: setTimeout(100)",
  ]),
  ...of("load for minutes or hours on a server of its own process, by hand", [
    "test/faults/soak.ts: setTimeout(1000)",
    "test/faults/soak.ts: setInterval(30_000)",
    "test/faults/soak_clients.ts: setTimeout(random.below(3_000))",
    "test/faults/soak_clients.ts: setTimeout(random.below(100))",
    "test/faults/soak_server.ts: handshakeTimeout: 1_000",
    "test/faults/soak_server.ts: closeTimeout: 1_000",
    "test/faults/soak_server.ts: interval: 2_000",
    "test/faults/soak_server.ts: timeout: 2_000",
    "test/faults/soak_server.ts: frameTimeout: 1_000",
    "test/faults/soak_server.ts: stallTimeout: 2_000",
  ]),
  ...of(
    "handshakes of TLS that do not come to an end: TLS is the runtime's, over its own sockets",
    [
      "test/client/tunnel_test.ts: handshakeTimeout: 1_000",
      "test/server/connection_acceptor_test.ts: handshakeTimeout: 500",
      'test/server/report_refusal_test.ts: handshakeTimeout: what === "says nothing" ? 300 : 30_000',
      "test/transport/tls_test.ts: handshakeTimeout: 500",
    ],
  ),
  ...of("a connection that the kernel never makes, in a process that has to end by itself", [
    "test/support/dial_in_vain.ts: handshakeTimeout: 200",
  ]),
  ...of("endpoints in other processes that say nothing, over real sockets", [
    "test/conformance/flaws_test.ts: timeout: silent.includes(id) ? 300 : 10_000",
  ]),
];

function of(reason: string, waits: readonly string[]): [string, string][] {
  return waits.map((wait) => [wait, reason]);
}

/** The numbers that a file names: `const NAME = 1_000;`. */
function constants(code: string): Map<string, number> {
  const found = code.matchAll(/^\s*(?:export )?const (\w+) = (\d[\d_]*);/gm);
  return new Map([...found].map(([, name = "", value = ""]) => [name, number(value)]));
}

function number(text: string): number {
  return Number(text.replaceAll("_", ""));
}

/** The numbers in an expression, as far as they can be told. */
function numbers(expression: string, named: ReadonlyMap<string, number>): number[] {
  const words = expression.match(/(?<![\w.])(?:\d[\d_]*|[A-Z]\w*)/g) ?? [];
  return words.map((word) => named.get(word) ?? number(word));
}

/** The arguments of a call, from behind its bracket on. */
function argumentsOf(code: string, start: number): string[] {
  const found = [""];
  for (let i = start, depth = 0; i < code.length; i++) {
    const character = code[i]!;
    if ("([{".includes(character)) depth++;
    else if (")]}".includes(character) && depth-- === 0) break;
    if (character === "," && depth === 0) found.push("");
    else found[found.length - 1] += character;
  }
  return found.map((argument) => argument.trim()).filter((argument) => argument !== "");
}

/** What waits for real in a file, one text for each. */
function waits(code: string): string[] {
  const named = constants(code);
  const found = new Set<string>();
  for (
    const { 0: call, 1: name, index } of code.matchAll(
      /(?<![\w.])(setTimeout|setInterval|sleep|delay)\(/g,
    )
  ) {
    const given = argumentsOf(code, index + call.length);
    const delay = given[name!.startsWith("set") ? 1 : 0] ?? "";
    if (numbers(delay, named).some((time) => time >= LEAST)) found.add(`${name}(${delay})`);
  }
  // A statement of the top level begins in the first column.
  for (const statement of code.split(/\n(?=[a-z/])/)) {
    if (/clock|\bpass\(/i.test(statement)) continue;
    for (const { 0: option, index } of statement.matchAll(OPTIONS)) {
      const value = /^[^,;}\n]*/.exec(statement.slice(index + option.length))![0].trim();
      const isLong = (time: number): boolean => time >= LEAST && time < BOUND;
      if (numbers(value, named).some(isLong)) found.add(option + value);
    }
  }
  return [...found];
}

test("waits of 100 ms and more are found", () => {
  const samples: [code: string, found: string[]][] = [
    ["await new Promise((resolve) => setTimeout(resolve, 100));", ["setTimeout(100)"]],
    ["await new Promise((resolve) => setTimeout(resolve, 99));", []],
    ["const PATIENCE = 1_000;\nsetTimeout(() => f(1, 2), PATIENCE / 20);", [
      "setTimeout(PATIENCE / 20)",
    ]],
    ["setInterval(look, 1);\nawait sleep(random.below(300));", ["sleep(random.below(300))"]],
    ["await clock.sleep(300);\nlink.delay(300);", []],
    ["await serve({ heartbeat: { interval: 200, timeout: 50 } });", ["interval: 200"]],
    ["test(a, {\n  closeTimeout: 500,\n});", ["closeTimeout: 500"]],
    ["test(a, {\n  closeTimeout: 500,\n}, async ({ clock }) => {});", []],
    ["connect(url, { handshakeTimeout: 30_000 });", []],
  ];
  for (const [code, found] of samples) assertEquals(waits(code), found);
});

test("waits of 100 ms and more are known, with a reason", () => {
  const found = list("test", ".ts")
    .filter((path) => path !== "test/structure/waits_test.ts")
    .flatMap((path) => waits(withoutComments(read(path))).map((wait) => `${path}: ${wait}`));
  const known = exceptions.map(([wait]) => wait);
  assertEquals(found.filter((wait) => !known.includes(wait)), []);
  // None that is no longer needed.
  assertEquals(known.filter((wait) => !found.includes(wait)), []);
});
