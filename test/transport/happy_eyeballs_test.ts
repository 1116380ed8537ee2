// Which address of a host is connected to, by a network in memory whose clock the test moves.

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { createClock } from "@sansocket/ws/testing";
import { type DialAddress, dialHost, type DialTarget } from "../../src/transport/happy_eyeballs.ts";
import { createMemoryRuntime } from "../../src/testing/memory_runtime.ts";
import type { DialOptions, Transport } from "../../src/transport/transport.ts";
import { withoutRow } from "../support/error_rows.ts";
import { settled, withResolvers } from "../support/connections.ts";
import { test } from "../support/test.ts";

const address = { hostname: "host.test", port: 80 };
const [one, two, three, six] = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"] as const;

/** An attempt that the test settles. */
interface Attempt {
  readonly target: DialTarget;
  readonly signal: AbortSignal;
  readonly resolve: (transport: Transport) => void;
  readonly reject: (error: unknown) => void;
}

/** A host with such addresses, and the attempts to connect to them. */
function host(addresses: readonly string[], options: Partial<DialOptions> = {}) {
  const clock = createClock();
  const attempts: Attempt[] = [];
  const dial: DialAddress = (target, { signal }) => {
    const { promise, resolve, reject } = withResolvers<Transport>();
    attempts.push({ target, signal: signal!, resolve, reject });
    signal?.addEventListener("abort", () => reject(signal.reason));
    return promise;
  };
  const signal = options.signal ?? new AbortController().signal;
  const result = dialHost(
    address,
    { ...options, signal },
    dial,
    () => () => Promise.resolve(addresses),
    clock.source,
  );
  result.catch(() => {});
  return {
    clock,
    attempts,
    result,
    /** The addresses that are being tried. */
    tried: () => attempts.map(({ target, signal }) => `${target.ip}${signal.aborted ? " -" : ""}`),
  };
}

/** A connection in memory, which says whether it has been closed. */
async function connection(): Promise<{ transport: Transport; gone: () => Promise<boolean> }> {
  const runtime = createMemoryRuntime();
  const far = withResolvers<Transport>();
  const { address } = await runtime.listen({ hostname: "a", port: 0 }, far.resolve);
  const transport = await runtime.dial(address, { signal: undefined });
  let gone = false;
  const peer = await far.promise;
  peer.sink = { data() {}, end: () => gone = true, drain() {}, closed() {} };
  peer.resume();
  return {
    transport,
    gone: async () => {
      await settled();
      return gone;
    },
  };
}

function error(code: string): Error {
  return Object.assign(new Error(`Could not connect to host.test:80: it fails (${code})`), {
    code,
  });
}

test("dialHost() passes an IP address on as it is, and asks nothing", async () => {
  const { transport } = await connection();
  for (const hostname of [one, six]) {
    const options = { signal: undefined };
    const asked: unknown[] = [];
    const dialled = await dialHost(
      { hostname, port: 80 },
      options,
      (...args) => {
        asked.push(args);
        return Promise.resolve(transport);
      },
      () => {
        throw new Error("asked");
      },
    );
    assertStrictEquals(dialled, transport);
    assertEquals(asked, [[{ hostname, port: 80 }, options]]);
  }
});

test("dialHost() dials the only address of a host with the caller's own signal", async () => {
  const { transport } = await connection();
  const controller = new AbortController();
  const { attempts, result, clock } = host([one], { signal: controller.signal });
  await settled();
  assertEquals(attempts.map(({ target }) => target), [{ ...address, ip: one }]);
  assertStrictEquals(attempts[0]!.signal, controller.signal);
  assertEquals(clock.pending, []);
  attempts[0]!.resolve(transport);
  assertStrictEquals(await result, transport);
});

test("dialHost() tries the next address after 250 ms, and keeps the first going", async () => {
  const { clock, tried, attempts, result } = host([one, two, six]);
  await settled();
  assertEquals(tried(), [one]);
  await clock.advance(249);
  assertEquals(tried(), [one]);
  await clock.advance(1);
  assertEquals(tried(), [one, six]);
  await clock.advance(250);
  assertEquals(tried(), [one, six, two]);
  await clock.advance(10_000);
  const { transport, gone } = await connection();
  attempts[0]!.target.connected?.();
  assertEquals(tried(), [one, `${six} -`, `${two} -`]);
  attempts[0]!.resolve(transport);
  assertStrictEquals(await result, transport);
  assertEquals([await gone(), clock.pending], [false, []]);
});

test("dialHost() tries the next address at once when one has failed", async () => {
  const { clock, tried, attempts, result } = host([one, two, three]);
  await settled();
  attempts[0]!.reject(error("ECONNREFUSED"));
  await settled();
  assertEquals(tried(), [one, two]);
  // The wait begins anew.
  await clock.advance(249);
  assertEquals(tried(), [one, two]);
  await clock.advance(1);
  assertEquals(tried(), [one, two, three]);
  const { transport } = await connection();
  attempts[2]!.resolve(transport);
  assertStrictEquals(await result, transport);
  assertEquals([tried(), clock.pending], [[one, `${two} -`, three], []]);
});

test("dialHost() begins no attempt while one that is connected does its TLS handshake", async () => {
  const { clock, tried, attempts, result } = host([one, two]);
  await settled();
  attempts[0]!.target.connected?.();
  await clock.advance(10_000);
  assertEquals(tried(), [one]);
  const failure = error("CERT_HAS_EXPIRED");
  attempts[0]!.reject(failure);
  assertStrictEquals(await assertRejects(() => result), failure);
  assertEquals([tried(), clock.pending], [[one], []]);
});

test("dialHost() closes a connection that comes when another is there", async () => {
  const { clock, attempts, result } = host([one, two]);
  await clock.advance(250);
  const [first, second] = [await connection(), await connection()];
  attempts[0]!.resolve(first.transport);
  attempts[1]!.resolve(second.transport);
  assertStrictEquals(await result, first.transport);
  assertEquals([await first.gone(), await second.gone()], [false, true]);
});

test("dialHost() says which addresses were tried, and how each failed", async () => {
  const { attempts, result, clock } = host([six, one, two]);
  await settled();
  for (const [i, code] of ["ENETUNREACH", "ECONNREFUSED", "ETIMEDOUT"].entries()) {
    attempts[i]!.reject(error(code));
    await settled();
  }
  const failure = await assertRejects(
    () => result,
    Error,
    "Could not connect to host.test:80: it fails (ECONNREFUSED); tried 2001:db8::1 (ENETUNREACH), 192.0.2.1, 192.0.2.2 (ETIMEDOUT)",
  );
  assertEquals((failure as { code?: unknown }).code, "ECONNREFUSED");
  assertEquals((failure.cause as AggregateError).errors.length, 3);
  assertEquals(clock.pending, []);
});

test("dialHost() has one error where no address has a way", async () => {
  const { attempts, result } = host([six, one]);
  await settled();
  for (const code of ["ENETUNREACH", "EHOSTUNREACH"]) {
    attempts.at(-1)!.reject(error(code));
    await settled();
  }
  const failure = await assertRejects(() => result, Error, "tried 2001:db8::1, 192.0.2.1 (EHOST");
  assertEquals((failure as { code?: unknown }).code, "ENETUNREACH");
});

for (const when of ["during the lookup", "before", "between two attempts"] as const) {
  test(`dialHost() ends when the signal fires ${when}`, async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error("Enough");
    if (when === "before") controller.abort(reason);
    const never = new Promise<readonly string[]>(() => {});
    const lookup = when === "during the lookup" ? () => never : () => [one, two];
    const { attempts, result, clock } = host([], { signal, lookup });
    await settled();
    if (when === "between two attempts") await clock.advance(300);
    if (when !== "before") controller.abort(reason);
    assertStrictEquals(await assertRejects(() => result), reason);
    assertEquals(attempts.length, when === "between two attempts" ? 2 : 0);
    assert(attempts.every(({ signal }) => signal.aborted));
    assertEquals(clock.pending, []);
  });
}

test("dialHost() tries the addresses of the wanted family alone", async () => {
  for (
    const [options, expected] of [
      [{ family: 4 }, one],
      [{ family: 6 }, six],
      [{ localAddress: "127.0.0.1" }, one],
      [{ localAddress: "::1" }, six],
    ] as [Partial<DialOptions>, string][]
  ) {
    const { attempts } = host([six, one], options);
    await settled();
    assertEquals(attempts.map(({ target }) => target.ip), [expected]);
  }
});

test("dialHost() refuses a host without an address of the wanted family", async () => {
  const message =
    "Could not connect to host.test:80: the host has no IPv6 address; leave out the options family and localAddress (ENOTFOUND, errors.md#enotfound)";
  const failure = await assertRejects(() => host([one], { family: 6 }).result, Error, message);
  assertEquals((failure as { code?: unknown }).code, "ENOTFOUND");
  const dial = () => Promise.reject(new Error("dialled"));
  const literal = await assertRejects(
    () =>
      dialHost(
        { hostname: one, port: 80 },
        { signal: undefined, family: 6 },
        dial,
        () => undefined,
      ),
    Error,
    "Could not connect to 192.0.2.1:80: the host has no IPv6 address",
  );
  assertEquals((literal as { code?: unknown }).code, "ENOTFOUND");
  await assertRejects(
    () => host([]).result,
    Error,
    "the host has no address (ENOTFOUND, errors.md#enotfound)",
  );
});

test("dialHost() refuses a family that is not that of localAddress", async () => {
  await assertRejects(
    () => host([one], { family: 6, localAddress: "127.0.0.1" }).result,
    TypeError,
    `Expected localAddress of family 6, got "127.0.0.1"`,
  );
});

test("dialHost() refuses the options with a unix socket, by name", async () => {
  for (const option of [{ family: 4 }, { localAddress: one }, { lookup: () => [one] }] as const) {
    await assertRejects(
      () => host([one], { path: "/tmp/socket", ...option }).result,
      TypeError,
      `Expected no ${Object.keys(option)} with the URL of a unix socket; leave it out`,
    );
  }
});

test("dialHost() asks lookup, with the host, the family and the signal", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const asked: unknown[] = [];
  const lookup: DialOptions["lookup"] = (hostname, options) => {
    asked.push([hostname, options.family]);
    assertStrictEquals(options.signal, signal);
    return Promise.resolve([one]);
  };
  for (const family of [undefined, 4] as const) {
    const { attempts } = host([two], { signal, lookup, ...(family && { family }) });
    await settled();
    assertEquals(attempts.map(({ target }) => target.ip), [one]);
  }
  assertEquals(asked, [["host.test", undefined], ["host.test", 4]]);
});

for (
  const [what, lookup, expected, code] of [
    [
      "an error with a code",
      () => {
        throw Object.assign(new Error("no"), { code: "EAI_AGAIN" });
      },
      "the name server does not answer; check the network (EAI_AGAIN)",
      "EAI_AGAIN",
    ],
    ["an error", () => Promise.reject(new Error("No such service")), "No such service", undefined],
    ["what is no error", () => Promise.reject("no"), `"no"`, undefined],
  ] as [string, NonNullable<DialOptions["lookup"]>, string, string | undefined][]
) {
  test(`dialHost() rejects with the host when lookup rejects with ${what}`, async () => {
    const failure = await assertRejects(() => host([one], { lookup }).result, Error);
    assertEquals(withoutRow(failure.message), `Could not connect to host.test:80: ${expected}`);
    assertEquals((failure as { code?: unknown }).code, code);
    assert(failure.cause !== undefined);
  });
}

test("dialHost() refuses what is no list of IP addresses from lookup", async () => {
  for (
    const [answer, got] of [
      ["192.0.2.1", `"192.0.2.1"`],
      [["host.test"], `"host.test"`],
      [[one, 4], "4"],
      [[[one]], "an array"],
      [null, "null"],
      [undefined, "undefined"],
      [[undefined], "undefined"],
      [Object.assign([], { 1: one }), "undefined"],
      [[{ address: one }], "an object"],
    ]
  ) {
    await assertRejects(
      () => host([one], { lookup: () => answer as never }).result,
      TypeError,
      `Expected a list of IP addresses from lookup, got ${got}`,
    );
  }
});
