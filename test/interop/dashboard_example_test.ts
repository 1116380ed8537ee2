// examples/dashboard: the server, and the program that looks at it many times.

import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "@sansocket/ws";
import { run, start } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";

const SERVER = "examples/dashboard/server.ts";

test("dashboard example sends what it has, then samples, and echoes", async () => {
  const server = start(runtime, SERVER, ["--port", "0", "--rate", "100"]);
  try {
    const url = (await server.waitFor(/^Dashboard: (http:\S+)$/m))[1] ?? "";
    const first = await connect(new URL("/samples", url));
    const next = async (ws: typeof first) => JSON.parse(String(await ws.receive()));
    assertEquals(await next(first), { type: "recent", samples: [] });
    for (let number = 1; number <= 51; number++) {
      const sample = await next(first);
      assertEquals([sample.type, sample.number, sample.viewers], ["sample", number, 1]);
      for (const name of ["time", "sent", "replaced", "cpu", "late", "memory"]) {
        assertEquals(typeof sample[name], "number", name);
      }
    }
    const second = await connect(new URL("/samples", url));
    const { samples } = await next(second);
    assertEquals(samples[0].number, 1);
    assertEquals(samples[1].number, 51);
    await second.send('{"type":"echo","sent":1}');
    for (;;) {
      const message = await next(second);
      if (message.type === "sample") continue;
      assertEquals(message, { type: "echo", sent: 1 });
      break;
    }
    await first.close();
    await second.close();

    // Without viewers it has stopped, and begins anew.
    const third = await connect(new URL("/samples", url));
    assertEquals(await next(third), { type: "recent", samples: [] });
    assertEquals((await next(third)).number, 1);
    await third.close();
    const page = await fetch(url, { headers: { connection: "close" } });
    assertMatch(await page.text(), /<title>Live dashboard/);
  } finally {
    assertEquals(await server.stop(), 0, server.output());
  }
});

test("dashboard example serves 90 viewers every sample while 10 others read nothing", async () => {
  const server = start(runtime, SERVER, ["--port", "0", "--rate", "10"]);
  try {
    const url = (await server.waitFor(/^Dashboard: (http:\S+)$/m))[1] ?? "";
    const args = [url, "--viewers", "100", "--slow", "10", "--seconds", "1"];
    const viewers = start(runtime, "examples/dashboard/viewers.ts", args);
    assertEquals(await viewers.exit, 0, viewers.output());
    assertMatch(viewers.output(), /^Viewers: 90 that read, 10 that do not$/m);
    assertMatch(viewers.output(), /^[1-9]\d* samples read, 0 missed; after /m);
    assertMatch(viewers.output(), /^Each of the slow viewers has got the latest sample, /m);
  } finally {
    assertEquals(await server.stop(), 0, server.output());
  }
}, { timeout: 120_000 });

test("npm run dashboard shows it with viewers, and Ctrl+C ends both", async () => {
  const all = run(["node", ".ci/dashboard.mjs", "--port", "0", "--viewers", "20", "--slow", "2"]);
  await all.waitFor(/^viewers: Viewers: 18 that read, 2 that do not$/m);
  const [, url = ""] = await all.waitFor(/^Open (http:\S+) in a browser; Ctrl\+C ends it$/m);
  assertEquals(await all.stop("SIGINT"), 130, all.output());
  // Its port is free again.
  const error = await fetch(url).then(() => undefined, (error: unknown) => error);
  assertEquals(error === undefined, false);
}, { skip: runtime !== "node" && "npm run dashboard runs on Node everywhere" });
