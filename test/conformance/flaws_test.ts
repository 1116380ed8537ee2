// A test of the conformance suite: an endpoint with a flaw must be found out by the case that is there for it.

import { assert, assertEquals } from "@std/assert";
import { test } from "../support/test.ts";
import { allCases, quick } from "./all.ts";
import { testServer } from "./as_client.ts";
import { startFuzzingServer } from "./as_server.ts";
import type { Case, Result, Verdict } from "./case.ts";
import { type Flaw, runFlawedClient, startFlawedServer } from "./flawed.ts";
import { skip } from "./quick_suite.ts";
import { findings } from "./report.ts";

/** The case that must find each flaw of a server, and the verdict. */
const serverFlaws: readonly (readonly [Flaw, string, Verdict])[] = [
  ["takes frames with or without a mask", "1.3.1", "FAILED"],
  ["sends frames with the mask of the other role", "1.1.2", "FAILED"],
  ["ignores reserved bits", "3.1", "FAILED"],
  ["ignores reserved bits", "3.5", "FAILED"],
  ["ignores reserved bits", "14.2.1", "FAILED"],
  ["ignores reserved opcodes", "4.1.1", "FAILED"],
  ["ignores reserved opcodes", "4.2.3", "FAILED"],
  ["ignores FIN on control frames", "5.1", "FAILED"],
  ["ignores the length of control frames", "2.5", "FAILED"],
  ["ignores the order of fragments", "5.9", "FAILED"],
  ["ignores the order of fragments", "5.20", "OK"],
  ["ignores UTF-8", "6.3.1", "FAILED"],
  ["ignores UTF-8", "6.20.1", "FAILED"],
  ["ignores UTF-8", "14.2.10", "FAILED"],
  ["ignores close codes", "7.9.1", "FAILED"],
  ["ignores the length of control frames", "7.3.6", "FAILED"],
  ["does not answer pings", "2.1", "FAILED"],
  ["answers pings with nothing in them", "2.2", "FAILED"],
  ["drops the last octet", "1.1.2", "FAILED"],
  ["drops the last octet", "9.1.1", "FAILED"],
  ["drops the last octet", "9.7.2", "FAILED"],
  ["drops the last octet", "12.1.1", "FAILED"],
  ["echoes binary as text", "1.2.2", "FAILED"],
  ["echoes everything twice", "5.3", "FAILED"],
  ["echoes after a Close frame", "7.1.4", "FAILED"],
  ["echoes after a Close frame", "7.1.3", "FAILED"],
  ["fails without a Close frame", "3.1", "NON-STRICT"],
  ["fails with 1011", "3.1", "NON-STRICT"],
  ["does not end TCP", "7.1.1", "NON-STRICT"],
  ["takes an invalid offer", "15.1.1", "FAILED"],
  ["ignores server_max_window_bits", "13.3.5", "FAILED"],
  ["takes over the context against the agreement", "13.2.3", "FAILED"],
  // Text that is looked at when it is complete.
  ["none", "6.4.1", "NON-STRICT"],
  ["none", "6.4.3", "NON-STRICT"],
];

for (const [flaw, id, verdict] of serverFlaws) {
  test(
    `conformance case ${id} finds a server that ${flaw === "none" ? "waits" : flaw}: ${verdict}`,
    async () => {
      const server = await startFlawedServer(flaw);
      try {
        const results = await testServer(server.url, hurried(id));
        assertEquals(results.map(judgement), [`${id} ${verdict}`], results[0]?.reason);
      } finally {
        await server.close();
      }
    },
    { skip },
  );
}

/** The case that must find each flaw of a client. */
const clientFlaws: readonly (readonly [Flaw, string])[] = [
  ["takes frames with or without a mask", "1.3.1"],
  ["sends frames with the mask of the other role", "1.1.2"],
  ["uses one masking key", "1.3.6"],
  ["ignores reserved bits", "3.1"],
  ["ignores UTF-8", "6.3.1"],
  ["drops the last octet", "1.5.1"],
];

for (const [flaw, id] of clientFlaws) {
  test(`conformance case ${id} finds a client that ${flaw}`, async () => {
    assertEquals((await testFlawedClient(hurried(id), flaw)).map(judgement), [`${id} FAILED`]);
  }, { skip });
}

test("conformance cases find nothing in an endpoint without a flaw", async () => {
  const cases = ["1", "2", "3", "4", "5", "6.3", "7.9", "7.7", "10"]
    .flatMap((prefix) => allCases(quick, prefix))
    // It would wait for all that is declared.
    .filter(({ id }) => id !== "1.4.6" && id !== "1.4.7");
  const server = await startFlawedServer("none");
  const results = await testServer(server.url, cases);
  await server.close();
  results.push(...await testFlawedClient(cases, "none"));
  assertEquals(findings(results), []);
  assert(results.length > 150, `Expected both roles, got ${results.length}`);
}, { skip });

/** The cases that end with their deadline, because the endpoint with the flaw says nothing. */
const silent = ["2.1", "4.1.1"];

/** A case that must not wait long for what never comes. */
function hurried(id: string): Case[] {
  return allCases(quick, id).map((one) => ({
    ...one,
    timeout: silent.includes(id) ? 300 : 10_000,
  }));
}

async function testFlawedClient(cases: readonly Case[], flaw: Flaw): Promise<readonly Result[]> {
  const server = await startFuzzingServer(cases);
  try {
    const count = cases.filter(({ role }) => role !== "server").length;
    await runFlawedClient(server.url, count, flaw);
    return server.results.get("flawed") ?? [];
  } finally {
    await server.close();
  }
}

function judgement({ id, verdict }: Result): string {
  return `${id} ${verdict}`;
}
