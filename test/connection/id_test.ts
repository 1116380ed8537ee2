import { assertEquals, assertMatch } from "@std/assert";
import { nextId } from "../../src/connection/id.ts";
import { root, run } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";

test("nextId() never gives one name twice, and all of a process begin alike", () => {
  const ids = Array.from({ length: 1_000 }, nextId);
  assertEquals(new Set(ids).size, 1_000);
  assertEquals(new Set(ids.map((id) => id.split("-")[0])).size, 1);
  for (const id of ids) assertMatch(id, /^[0-9a-f]{16}-[1-9][0-9]*$/);
});

test(
  "nextId() gives other names in another process",
  async () => {
    const script =
      `import { nextId } from "${new URL("src/connection/id.ts", `file://${root}`)}";` +
      "console.log(nextId());";
    const child = run(["node", "--import", "tsx", "--input-type=module", "-e", script]);
    assertEquals(await child.exit, 0, child.output());
    assertMatch(child.output(), /^[0-9a-f]{16}-1\s*$/);
    assertEquals(child.output().startsWith(nextId().split("-")[0] ?? ""), false);
  },
  { skip: runtime === "node" ? undefined : "starts Node" },
);
