import { assertEquals } from "@std/assert";
import { Admission } from "../../src/guard/admission.ts";
import { createGuardSettings } from "../../src/guard/connection_guard.ts";
import type { GuardOptions } from "../../src/guard/options.ts";
import type { ServerStats } from "../../src/guard/stats.ts";
import { test } from "../support/test.ts";

interface Scene {
  readonly admission: Admission;
  readonly stats: () => ServerStats;
  readonly pass: (milliseconds: number) => void;
}

function scene(options: GuardOptions): Scene {
  let now = 0;
  const settings = createGuardSettings(options, () => now);
  return {
    admission: new Admission(settings),
    stats: () => settings.counters.snapshot(),
    pass: (milliseconds) => void (now += milliseconds),
  };
}

test("Admission connect() refuses with 503 above maxConnections, until one has gone", () => {
  const { admission, stats } = scene({ maxConnections: 2 });
  assertEquals([admission.connect(), admission.connect()], [undefined, undefined]);
  assertEquals(admission.connect(), {
    cause: "maxConnections",
    status: 503,
    reason: "Expected at most 2 connections (guard.maxConnections)",
    headers: [["Retry-After", "10"]],
  });
  assertEquals(stats().sockets, 2);
  admission.disconnect();
  assertEquals(admission.connect(), undefined);
});

test("Admission enter() refuses with 429 above maxConnectionsPerAddress, that address only", () => {
  const { admission } = scene({ maxConnectionsPerAddress: 2 });
  const enter = (hostname?: string): number | undefined => admission.enter(hostname)?.status;
  assertEquals([enter("192.0.2.1"), enter("::ffff:192.0.2.1")], [undefined, undefined]);
  assertEquals([enter("192.0.2.1"), enter("192.0.2.2")], [429, undefined]);
  admission.leave("192.0.2.1");
  assertEquals([enter("192.0.2.1"), enter("192.0.2.1")], [undefined, 429]);
  assertEquals(admission.enter("192.0.2.1")?.cause, "maxConnectionsPerAddress");
});

test("Admission enter() takes an IPv6 /64 for one address", () => {
  const { admission } = scene({ maxConnectionsPerAddress: 1 });
  assertEquals(admission.enter("2001:db8::1"), undefined);
  assertEquals(admission.enter("2001:db8::ffff")?.status, 429);
  assertEquals(admission.enter("2001:db8:0:1::1"), undefined);
});

test("Admission enter() counts those without an address together", () => {
  const { admission } = scene({ maxConnectionsPerAddress: 1 });
  assertEquals(admission.enter(undefined), undefined);
  assertEquals(admission.enter(undefined)?.status, 429);
  admission.leave(undefined);
  assertEquals(admission.enter(undefined), undefined);
});

test("Admission handshake() refuses with 503 above handshakesPerSecond", () => {
  const { admission, pass } = scene({ handshakesPerSecond: 2 });
  const handshake = (): number | undefined => admission.handshake("192.0.2.1")?.status;
  assertEquals([handshake(), handshake(), handshake()], [undefined, undefined, 503]);
  pass(500);
  assertEquals([handshake(), handshake()], [undefined, 503]);
  assertEquals(admission.handshake("192.0.2.1")?.cause, "handshakesPerSecond");
});

test("Admission handshake() refuses with 429 above handshakesPerSecondPerAddress", () => {
  const { admission, pass } = scene({
    handshakesPerSecond: 3,
    handshakesPerSecondPerAddress: 1,
  });
  const handshake = (hostname: string): number | undefined => admission.handshake(hostname)?.status;
  assertEquals([handshake("192.0.2.1"), handshake("192.0.2.1")], [undefined, 429]);
  // What an address is refused is not counted for all.
  assertEquals([handshake("192.0.2.2"), handshake("192.0.2.3")], [undefined, undefined]);
  assertEquals(handshake("192.0.2.4"), 503);
  pass(1000);
  assertEquals(handshake("192.0.2.1"), undefined);
  assertEquals(admission.handshake("192.0.2.1")?.cause, "handshakesPerSecondPerAddress");
});

test("Admission refuses no client when all limits are off", () => {
  const { admission, stats } = scene({ maxConnections: Infinity });
  let refused = 0;
  for (let i = 0; i < 10_000; i++) {
    const all = [admission.connect(), admission.enter("::1"), admission.handshake("::1")];
    refused += all.filter((refusal) => refusal !== undefined).length;
  }
  assertEquals([refused, stats().sockets], [0, 10_000]);
});
