// The driver for threads: the contract of drivers within one thread, and a worker on each runtime.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { broadcastChannelBackplane } from "@sansocket/ws/broadcast-channel";
import { startBundled } from "../../support/bundled.ts";
import { root, start } from "../../support/process.ts";
import { runtime, test } from "../../support/test.ts";
import { backplaneSuite, number, RecordingSink } from "../../topics/backplane_suite.ts";

let names = 0;

backplaneSuite("broadcastChannelBackplane", () => {
  const name = `suite ${names++}`;
  return { driver: () => ({ backplane: broadcastChannelBackplane(name) }) };
}, { counts: false, ordered: false, outages: false });

test("broadcastChannelBackplane refuses what is no name", () => {
  for (const name of [undefined, null, "", 7, {}]) {
    const error = assertThrows(() => broadcastChannelBackplane(name as string), TypeError);
    assert(
      error.message.startsWith("Expected the name of a BroadcastChannel, got "),
      error.message,
    );
  }
});

test("broadcastChannelBackplane takes no notice of what others post", async () => {
  const other = new BroadcastChannel("shared");
  const [one, two] = [broadcastChannelBackplane("shared"), broadcastChannelBackplane("shared")];
  const sink = new RecordingSink();
  one.start(sink);
  two.start(new RecordingSink());
  await one.join(["a"]);
  const wrong = [null, "a", 7, [], ["a"], [["a"]], [["a", "text"]], [[1, number(1)]], [null]];
  for (const message of wrong) other.postMessage(message);
  other.postMessage([["a", number(1)], ["a", 1]]);
  other.postMessage([["a", number(1)]]);
  await sink.count(1);
  await two.publish("a", number(2));
  await sink.count(2);
  assertEquals(sink.numbers("a"), [1, 2]);
  other.close();
  await Promise.all([one.close(), two.close()]);
});

test("broadcastChannelBackplane joins a thread and its worker, and lets the process end", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sansocket-"));
  const file = "test/runtimes/broadcast_channel/threads.ts";
  // On Node 20 a Worker cannot load TypeScript.
  const program = runtime === "node"
    ? await startBundled(join(root, file), join(folder, "threads.mjs"))
    : start(runtime, file);
  assertEquals(await program.exit, 0, program.output());
  await rm(folder, { recursive: true });
  assertEquals(program.output(), "the worker has joined\nall 10000 came back in order\n");
});
