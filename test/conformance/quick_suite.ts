// The quick run of the conformance suite against our programs on each runtime: for one role, so that two test files can
// run side by side. The suite itself runs on Node only.

import { assert, assertEquals } from "@std/assert";
import { type RuntimeName, runtimeNames } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";
import { allCases, quick } from "./all.ts";
import { testEndpoint } from "./endpoints.ts";
import { findings, formatIds } from "./report.ts";

/** Why a runtime other than Node skips what runs the suite. */
export const skip: string | false = runtime !== "node" &&
  "the suite runs on Node, and tests the other runtimes from there";

/** Tests that our endpoints of this role do what the RFCs ask. */
export function quickSuite(role: "server" | "client"): void {
  for (const name of runtimeNames) {
    test(
      `conformance of the ${role} on ${name} has no case that is not as the RFCs ask`,
      async () => {
        const { results } = await testEndpoint(ourEndpoint(role, name), allCases(quick));
        assert(results.length > 800, `Expected all cases, got ${results.length}`);
        const wrong = findings(results)
          .filter(({ verdict }) => verdict !== "INFORMATIONAL")
          .map(({ verdict, ids, reason }) => `${verdict} ${formatIds(ids)}: ${reason}`);
        assertEquals(wrong, []);
        const open = results.filter(({ verdict }) => verdict === "INFORMATIONAL");
        assertEquals(open.map(({ id }) => id), ["7.1.6", "7.13.1", "7.13.2"]);
      },
      { skip, timeout: 240_000 },
    );
  }
}

function ourEndpoint(role: "server" | "client", name: RuntimeName) {
  return { name: "sansocket", role, runtime: name, file: `examples/autobahn/${role}.ts` } as const;
}
