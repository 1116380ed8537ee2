import { assert, assertEquals, assertLessOrEqual, assertStrictEquals } from "@std/assert";
import { chooseAllocator } from "../../../runtimes/shared/allocator.ts";
import { allocate, allocateBy } from "../../../src/util/bytes.ts";
import { run } from "../../support/process.ts";
import { runtime, test } from "../../support/test.ts";

test("chooseAllocator gives plain bytes with memory of their own, of just their length", () => {
  const before = allocate;
  chooseAllocator();
  try {
    for (const size of [0, 1, 100, 4096, 1 << 20]) {
      const [one, two] = [allocate(size), allocate(size)];
      assertStrictEquals(Object.getPrototypeOf(one), Uint8Array.prototype);
      assertEquals([one.length, one.byteOffset, one.buffer.byteLength], [size, 0, size]);
      assert(one.buffer !== two.buffer);
    }
  } finally {
    allocateBy(before);
  }
});

test(
  "keepFreed takes no memory",
  async () => {
    // In a process of its own: in one that has freed much, the runtime may have to clear what it had before.
    const script = `
      import { keepFreed } from "${new URL(
      "../../../runtimes/shared/allocator.ts",
      import.meta.url,
    )}";
      const before = process.memoryUsage().rss;
      keepFreed(1 << 20);
      console.log("grown by", process.memoryUsage().rss - before);
    `;
    const child = run(["node", "--import", "tsx", "--input-type=module", "-e", script]);
    assertEquals(await child.exit, 0, child.output());
    const grown = /grown by (-?\d+)/.exec(child.output())?.[1];
    assertLessOrEqual(Number(grown), 16 << 20);
  },
  { skip: runtime === "node" ? undefined : "looks at a process of Node" },
);
