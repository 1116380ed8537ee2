// What docs/deploy.md shows of proxies: its files start the programs of Debian, in front of two
// processes of its server, and its table says what their clients see.

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  connect,
  type ConnectOptions,
  HandshakeError,
  serve,
  type WebSocketConnection,
} from "@sansocket/ws";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startBundled } from "../support/bundled.ts";
import { takeBlocks } from "../support/code_blocks.ts";
import { type Child, root } from "../support/process.ts";
import { freePort } from "../support/redis_server.ts";
import { runtime, test } from "../support/test.ts";
import { authority, type Front, fronts } from "./programs/fronts.ts";
import { missing } from "./programs/proxies.ts";

const page = readFileSync(join(root, "docs/deploy.md"), "utf8");
const [program = ""] = takeBlocks("docs/deploy.md", "ts server");
const [nginx = "", ...moreNginx] = takeBlocks("docs/deploy.md", "nginx");
const [caddy = "", ...moreCaddy] = takeBlocks("docs/deploy.md", "caddy");
const [haproxy = "", haproxyTcp = "", ...moreHaproxy] = takeBlocks("docs/deploy.md", "haproxy");
const files: Readonly<Record<string, string>> = {
  nginx,
  Caddy: caddy,
  HAProxy: haproxy,
  "HAProxy, TCP": haproxyTcp,
};

/** Milliseconds of silence after which a proxy cuts a connection here. */
const IDLE = 500;
/** What all clients have. Their address is not the proxy's. */
const client = {
  tls: { ca: authority },
  family: 4,
  localAddress: "127.0.0.2",
  heartbeat: false,
} as const satisfies ConnectOptions;

/** What the table of the page says of a proxy. */
function outcome(row: string, { name }: Front): string {
  const lines = page.split("\n").filter((line) => line.startsWith("| "));
  const cells = (line: string): string[] => line.split("|").map((cell) => cell.trim());
  const header = lines.map(cells).find((found) => found.includes(name)) ?? [];
  const line = lines.map(cells).find(([, first]) => first === row) ?? [];
  return line[header.indexOf(name)] ?? "";
}

function skip({ program }: Front): string | false {
  return runtime === "node" ? missing(program) : "the proxy is tested: one runtime is enough";
}

/** The server of the page, in a process of its own. */
interface Process {
  readonly port: number;
  readonly child: Child;
}

async function startServer(folder: string, { tcp }: Front): Promise<Process> {
  const port = await freePort();
  const trust = /^ {2}trustProxy: .*\n/m;
  assertMatch(program, trust);
  const code = program.replace('"8001"', `"${port}"`);
  const file = join(folder, `${port}.ts`);
  writeFileSync(file, tcp ? code.replace(trust, "  proxyProtocol: true,\n") : code);
  const child = await startBundled(file, file.replace(/ts$/, "mjs"));
  await child.waitFor(/^Listening on /m);
  return { port, child };
}

/** Runs `body` with two processes of the page's server, and a proxy in front of them. */
async function withTwo(
  front: Front,
  body: (one: Process, two: Process, proxy: number) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(root, "examples", ".deploy-"));
  const running: Process[] = [];
  try {
    const start = async (): Promise<Process> => {
      const started = await startServer(folder, front);
      running.push(started);
      return started;
    };
    const [one, two] = await Promise.all([start(), start()]);
    await using proxy = await front.start(files[front.name]!, [one.port, two.port]);
    await body(one, two, proxy.port);
  } finally {
    for (const { child } of running) await child.stop("SIGKILL");
    rmSync(folder, { recursive: true });
  }
}

/** A connection, and the port that it was led to. */
interface Greeted {
  readonly ws: WebSocketConnection;
  readonly port: number;
}

async function open(proxy: number, headers: Record<string, string> = {}): Promise<Greeted> {
  const ws = await connect(`wss://localhost:${proxy}/echo`, { ...client, headers });
  const greeting = String(await ws.receive());
  const [, port] = /^Port (\d+) greets 127\.0\.0\.2$/.exec(greeting) ?? [];
  assert(port !== undefined, greeting);
  return { ws, port: Number(port) };
}

/** Connects until it is led to the other process; until then each client gets 503. */
async function openOther(proxy: number): Promise<Greeted> {
  for (;;) {
    try {
      return await open(proxy);
    } catch (error) {
      assertEquals(error instanceof HandshakeError && error.status, 503, String(error));
    }
    // For the proxy's next look at /ready.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Messages of both kinds, a close code, the client's address, and the origin rule. */
async function passesAll(proxy: number): Promise<void> {
  const { ws } = await open(proxy, {
    origin: `https://localhost:${proxy}`,
    // What a client says of itself does not count.
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-host": "evil.example",
    forwarded: "for=203.0.113.9;host=evil.example",
  });
  await ws.send("text");
  assertEquals(await ws.receive(), "text");
  const binary = new Uint8Array(100_000).map((_, i) => i * 7);
  await ws.send(binary);
  assertEquals(await ws.receive(), binary);
  const { code, wasClean } = await ws.close(4000, "enough");
  assertEquals({ code, wasClean }, { code: 4000, wasClean: true });

  const error = await assertRejects(
    () => open(proxy, { origin: "https://evil.example", "x-forwarded-host": "evil.example" }),
    HandshakeError,
  );
  assertEquals(error.status, 403);
}

for (const front of fronts) {
  test(
    `docs/deploy.md's ${front.name} passes all on, and leads from a process that ends to the other`,
    () =>
      withTwo(front, async (one, two, proxy) => {
        await passesAll(proxy);
        const clients: Greeted[] = [];
        const of = ({ port }: Process): Greeted[] => clients.filter((found) => found.port === port);
        while (of(one).length < 2 || of(two).length < 1) {
          assert(clients.length < 20, `All were led to ${clients[0]?.port}`);
          clients.push(await open(proxy));
        }
        for (const { ws } of [...of(one).slice(2), ...of(two).slice(1)]) await ws.close();
        const [first, second] = of(one).map(({ ws }) => ws) as [
          WebSocketConnection,
          WebSocketConnection,
        ];

        one.child.signal("SIGTERM");
        const { code } = await Promise.race([first.closed, second.closed]);
        assertEquals(`${code}`, outcome("connected, and the server closes with 1012", front));
        // The close of the second is due after five seconds.
        const choice = outcome("new, while one of two processes is closing", front);
        assert(["the other one", "503, or other"].includes(choice), choice);
        const during = await (choice === "the other one" ? open(proxy) : openOther(proxy));
        assertEquals(during.port, two.port);
        await during.ws.close();
        await Promise.all([first.close(), second.close()]);
        assertEquals(await one.child.exit, 0);

        assertEquals(outcome("new, when one of two processes has ended", front), "the other one");
        const after = await open(proxy);
        assertEquals(after.port, two.port);
        await after.ws.close();

        two.child.signal("SIGTERM");
        assertEquals((await of(two)[0]!.ws.closed).code, 1012);
        assertEquals(await two.child.exit, 0);
        const error = await assertRejects(() => open(proxy), Error);
        const status = error instanceof HandshakeError ? error.status : undefined;
        const expected = outcome("new, when no process is left", front).split(" or ");
        assert(expected.includes(`${status ?? "no answer"}`), `${status}: ${error}`);
      }),
    { skip: skip(front) },
  );

  test(
    `docs/deploy.md's ${front.name} cuts a silent connection, and not one with a heartbeat`,
    async () => {
      const options = {
        port: 0,
        proxyProtocol: front.tcp,
        routes: {
          "/ready": new Response("ready"),
          "/echo": {
            websocket: {
              message: (ws: WebSocketConnection, data: string | Uint8Array) => ws.send(data),
            },
          },
          "/listen": { websocket: { message: () => {} } },
        },
      };
      await using silent = await serve({ ...options, heartbeat: false });
      await using alive = await serve({ ...options, heartbeat: { interval: 50, timeout: 20_000 } });
      const start = (port: number) => front.start(files[front.name]!, [port, port], IDLE);
      await using toSilent = await start(silent.port);
      await using toAlive = await start(alive.port);

      const kept = await connect(`wss://localhost:${toAlive.port}/echo`, client);
      // The first has been silent for the whole limit when it is cut, the second for another one.
      for (let i = 0; i < 2; i++) {
        const cut = await connect(`wss://localhost:${toSilent.port}/echo`, client);
        const { code, wasClean } = await cut.closed;
        assertEquals(wasClean, false);
        assertEquals(`${code}`, outcome("connected, and silent beyond the idle limit", front));
      }
      await kept.send("still here");
      assertEquals(await kept.receive(), "still here");
      assertEquals((await kept.close()).wasClean, true);

      if (front.program !== "caddy") return;
      // Its limit counts what the server sends.
      const busy = await connect(`wss://localhost:${toSilent.port}/listen`, client);
      while (busy.state === "open") {
        busy.send("I am here").catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assertEquals((await busy.closed).code, 1006);
    },
    { skip: skip(front) },
  );
}

test("docs/deploy.md has the files that are run here", () => {
  for (const sample of [program, nginx, caddy, haproxy, haproxyTcp]) assert(sample !== "");
  assertEquals([...moreNginx, ...moreCaddy, ...moreHaproxy], []);
});
