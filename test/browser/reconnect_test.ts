import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  HandshakeError,
  receiveJson,
  ReconnectingConnection,
  sendJson,
  type WebSocketConnection,
} from "@sansocket/ws";
import {
  BrowserConnection,
  type BrowserReconnectOptions,
  createBrowserReconnect,
} from "@sansocket/ws/browser";
import { BROWSER_RECONNECT_OPTIONS } from "../../src/browser/reconnect.ts";
import { isPending, settled } from "../support/connections.ts";
import { memory } from "../support/native_sockets.ts";
import { test } from "../support/test.ts";

/** A server that echoes, and `reconnect()` to it on one clock. */
async function scene(answer: () => Response | undefined = () => undefined) {
  const { connect, serve, network, clock } = memory();
  const peers: WebSocketConnection[] = [];
  const paths: string[] = [];
  const server = await serve({
    port: 0,
    fetch: (request, { upgrade }) => {
      const { pathname, search } = new URL(request.url);
      const [protocol] = (request.headers.get("sec-websocket-protocol") ?? "").split(", ");
      paths.push(`${pathname}${search} ${protocol}`.trim());
      return answer() ?? upgrade({
        open: (ws) => void peers.push(ws),
        message: (ws, data) => ws.send(data),
      }, protocol ? { protocol } : {});
    },
  });
  return {
    reconnect: createBrowserReconnect(connect, clock.source),
    server,
    network,
    clock,
    peers,
    paths,
  };
}

test("createBrowserReconnect() comes back, sends what waits, and counts", async () => {
  const { reconnect, server, network, clock, peers } = await scene();
  const opened: BrowserConnection[] = [];
  const ws = await reconnect(server.url, {
    onopen: (connection) => void opened.push(connection),
  });
  assert(ws instanceof ReconnectingConnection);
  await ws.send("a");
  assertEquals(await ws.receive(), "a");
  network.links[0]!.cut();
  await settled();
  assertEquals(ws.state, "waiting");
  for (const message of ["b", Uint8Array.of(1), ""]) await ws.send(message);
  assertThrows(() => ws.send(["chunks"] as never), TypeError, "got Array");
  await assertRejects(() => ws.send(new Blob(["c"])), Error);
  await clock.advance(30_000);
  assertEquals(ws.state, "open");
  assertEquals([await ws.receive(), await ws.receive(), await ws.receive()], [
    "b",
    Uint8Array.of(1),
    "",
  ]);
  // There are no Pings: all that the lost connection got counts.
  assertEquals([ws.sent, ws.unconfirmed, ws.refused, ws.dropped], [4, 1, 1, 0]);
  assertEquals([opened.length, peers.length], [2, 2]);
  assert(opened.every((one) => one instanceof BrowserConnection) && ws.connection === opened[1]);
  await sendJson(ws, [1]);
  assertEquals(await receiveJson(ws), [1]);
  const closed = ws.close(1001, "away");
  await clock.advance(0);
  assertEquals([(await closed).code, (await peers[1]!.closed).code], [4001, 4001]);
  await server.close();
});

test("createBrowserReconnect() tries again after each refusal, up to maxAttempts", async () => {
  let left = 2;
  const { reconnect, server, clock, paths } = await scene(() =>
    left-- > 0 ? new Response("", { status: 403 }) : undefined
  );
  const opening = reconnect(server.url);
  await clock.advance(60_000);
  const ws = await opening;
  assertEquals([paths.length, ws.state], [3, "open"]);
  ws.terminate();
  left = 100;
  const failing = reconnect(server.url, { maxAttempts: 3 });
  const refused = assertRejects(() => failing, HandshakeError);
  await clock.advance(60_000);
  await refused;
  assertEquals(paths.length, 6);
  await server.close();
});

test("createBrowserReconnect() asks for the URL and subprotocols of each attempt", async () => {
  const { reconnect, server, network, clock, paths } = await scene();
  const ws = await reconnect(
    ({ attempt, wasConnected }) => new URL(`/${attempt}?${wasConnected}`, server.url),
    { protocols: ({ wasConnected }) => Promise.resolve(wasConnected ? ["later", "x"] : "first") },
  );
  assertEquals(ws.protocol, "first");
  network.links[0]!.cut();
  await clock.advance(30_000);
  assertEquals(ws.protocol, "later");
  assertEquals(paths.map((path) => path.replace(/^\/\d+/, "/n")), [
    "/n?false first",
    "/n?true later",
  ]);
  ws.terminate();
  await server.close();
});

test("createBrowserReconnect() ends a wait when the browser is online, or its page is seen", async () => {
  const { reconnect, server, network, clock, peers } = await scene();
  const document = Object.assign(new EventTarget(), { visibilityState: "hidden" });
  const page = new EventTarget();
  const fakes: Record<string, unknown> = {
    document,
    addEventListener: page.addEventListener.bind(page),
    removeEventListener: page.removeEventListener.bind(page),
  };
  const before = Object.keys(fakes).map((name) =>
    [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const
  );
  for (const [name, value] of Object.entries(fakes)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  try {
    const ws = await reconnect(server.url, { baseDelay: 1e7, maxDelay: 1e7 });
    const lose = async (): Promise<void> => {
      network.links[0]!.cut();
      await clock.advance(0);
      assertEquals(ws.state, "waiting");
    };
    await lose();
    page.dispatchEvent(new Event("online"));
    await clock.advance(0);
    assertEquals([ws.state, peers.length], ["open", 2]);
    await lose();
    document.dispatchEvent(new Event("visibilitychange"));
    await clock.advance(0);
    assertEquals(ws.state, "waiting");
    document.visibilityState = "visible";
    document.dispatchEvent(new Event("visibilitychange"));
    await clock.advance(0);
    assertEquals([ws.state, peers.length], ["open", 3]);
    await lose();
    ws.terminate();
    page.dispatchEvent(new Event("online"));
    await clock.advance(0);
    assertEquals([ws.state, peers.length], ["closed", 3]);
  } finally {
    for (const [name, descriptor] of before) {
      if (descriptor === undefined) delete (globalThis as Record<string, unknown>)[name];
      else Object.defineProperty(globalThis, name, descriptor);
    }
  }
  await server.close();
});

test("createBrowserReconnect() checks its options", async () => {
  const { reconnect, server } = await scene();
  const samples: Record<string, readonly unknown[]> = {
    baseDelay: ["1", 0, NaN],
    maxDelay: ["1", 0],
    minUptime: ["1", -1],
    maxAttempts: ["1", 0, 1.5],
    queue: ["later", 1],
    maxQueuedAmount: ["1", 0],
    lazy: [1, "true"],
    retry: [1, {}],
    onopen: [1, {}],
    onattempt: [1, {}],
    onwait: [1, {}],
    protocols: [1, [1], {}],
    headers: [{}, () => ({})],
    resend: [true],
    nonsense: [1],
  };
  for (const [name, wrong] of Object.entries(samples)) {
    for (const value of wrong) {
      const options = { [name]: value } as BrowserReconnectOptions;
      await assertRejects(() => reconnect(server.url, options), Error, "Expected ");
    }
  }
  const names = Object.keys(BROWSER_RECONNECT_OPTIONS);
  assertEquals(Object.keys(samples).filter((name) => !names.includes(name)), ["nonsense"]);
  await assertRejects(() => reconnect("ftp://a/"), SyntaxError);
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  await assertRejects(() => reconnect(server.url, { signal }), Error, "enough");
  const ws = await reconnect(server.url, { lazy: true, minUptime: 0, queue: "refuse" });
  assertEquals(ws.state, "connecting");
  assertThrows(() => ws.receive({ sig: 1 } as never), Error, "got sig");
  assertThrows(() => ws.send("a", { compress: true }), TypeError, "a browser decides itself");
  assertEquals(await isPending(ws.closed), true);
  ws.terminate();
  await ws.closed;
  await server.close();
});
