// The client through real proxies: tinyproxy, squid, microsocks, and haproxy with TLS in front of one.

import { assertEquals, assertRejects } from "@std/assert";
import process from "node:process";
import {
  connect,
  ConnectionClosed,
  createDevelopmentCertificate,
  ProxyError,
  type ProxyOptions,
  serve,
  type Server,
  WebSocket,
  WebSocketStream,
} from "@sansocket/ws";
import { freePort } from "../support/redis_server.ts";
import { test } from "../support/test.ts";
import {
  missing,
  type Program,
  type RunningProxy,
  startMicrosocks,
  startSquid,
  startTinyproxy,
  startTlsEnd,
} from "./programs/proxies.ts";

const certificate = await createDevelopmentCertificate();
const tls = { ca: certificate.cert };

/** An echo server, with TLS or without. */
function startEcho(secure: boolean): Promise<Server> {
  return serve({
    port: 0,
    ...(secure ? { tls: certificate } : {}),
    websocket: { message: (ws, message) => ws.send(message) },
  });
}

/** A kind of proxy, and how it is used. */
interface Kind {
  readonly name: string;
  readonly programs: readonly Program[];
  start(stack: AsyncDisposable[]): Promise<ProxyOptions>;
}

async function keep<T extends RunningProxy>(
  stack: AsyncDisposable[],
  start: Promise<T>,
): Promise<T> {
  const running = await start;
  stack.push(running);
  return running;
}

const kinds: readonly Kind[] = [
  {
    name: "tinyproxy",
    programs: ["tinyproxy"],
    start: async (stack) => ({
      url: `http://127.0.0.1:${(await keep(stack, startTinyproxy())).port}`,
    }),
  },
  {
    name: "tinyproxy with BasicAuth",
    programs: ["tinyproxy"],
    start: async (stack) => ({
      url: `http://me:secret@127.0.0.1:${(await keep(stack, startTinyproxy("me", "secret"))).port}`,
    }),
  },
  {
    name: "squid",
    programs: ["squid"],
    start: async (stack) => ({
      url: `http://127.0.0.1:${(await keep(stack, startSquid())).port}`,
    }),
  },
  {
    name: "microsocks",
    programs: ["microsocks"],
    start: async (stack) => ({
      url: `socks5://127.0.0.1:${(await keep(stack, startMicrosocks())).port}`,
    }),
  },
  {
    name: "microsocks with a user",
    programs: ["microsocks"],
    start: async (stack) => ({
      url: `socks5h://me:secret@127.0.0.1:${
        (await keep(stack, startMicrosocks("me", "secret"))).port
      }`,
    }),
  },
  {
    name: "tinyproxy behind the TLS of haproxy",
    programs: ["tinyproxy", "haproxy"],
    async start(stack) {
      const { port } = await keep(stack, startTinyproxy("me", "secret"));
      const end = await keep(stack, startTlsEnd(port));
      return { url: `https://me:secret@127.0.0.1:${end.port}`, tls: { ca: end.ca } };
    },
  },
];

/** Runs with a proxy of a kind, which is ended behind it. */
async function through(kind: Kind, body: (proxy: ProxyOptions) => Promise<void>): Promise<void> {
  const stack: AsyncDisposable[] = [];
  try {
    await body(await kind.start(stack));
  } finally {
    for (const one of stack.reverse()) await one[Symbol.asyncDispose]();
  }
}

const large = new Uint8Array(1_048_576).map((_, i) => i * 7);

for (const kind of kinds) {
  test(`connect() goes through ${kind.name}, to ws: and to wss:`, async () => {
    await through(kind, async (proxy) => {
      for (const secure of [false, true]) {
        const server = await startEcho(secure);
        const ws = await connect(server.url.replace("127.0.0.1", "localhost"), { proxy, tls });
        await ws.send("hi");
        assertEquals(await ws.receive(), "hi");
        for (let i = 0; i < 4; i++) {
          await ws.send(large);
          assertEquals(await ws.receive(), large);
        }
        assertEquals((await ws.close()).wasClean, true);
        await server.close();
      }
    });
  }, { skip: missing(...kind.programs) });

  test(`connect() learns from ${kind.name} that nothing listens there`, async () => {
    const port = await freePort();
    await through(kind, async (proxy) => {
      const error = await assertRejects(
        () => connect(`wss://127.0.0.1:${port}`, { proxy, tls }),
        ProxyError,
      );
      assertEquals(error.code, "EPROXY");
    });
  }, { skip: missing(...kind.programs) });
}

for (
  const [name, program, start, scheme] of [
    ["tinyproxy", "tinyproxy", startTinyproxy, "http"],
    ["microsocks", "microsocks", startMicrosocks, "socks5"],
  ] as const
) {
  test(`connect() rejects with EPROXYAUTH when ${name} wants credentials, or others`, async () => {
    await using proxy = await start("me", "secret");
    for (const user of ["", "me:wrong@", "you:secret@"]) {
      const error = await assertRejects(
        () => connect("ws://127.0.0.1:1", { proxy: `${scheme}://${user}127.0.0.1:${proxy.port}` }),
        ProxyError,
      );
      const status = scheme !== "http" ? undefined : user === "" ? 407 : 401;
      assertEquals([error.code, error.status], ["EPROXYAUTH", status]);
    }
  }, { skip: missing(program) });
}

test("connect() checks the certificate of a proxy with TLS by its own authorities", async () => {
  await using tinyproxy = await startTinyproxy();
  await using end = await startTlsEnd(tinyproxy.port);
  const proxy = `https://127.0.0.1:${end.port}`;
  // Those of the server do not count for the proxy.
  const error = await assertRejects(
    () => connect("wss://127.0.0.1:1", { proxy, tls: { ca: end.ca } }),
    ProxyError,
  );
  assertEquals(error.code, "DEPTH_ZERO_SELF_SIGNED_CERT");
  const plain = await assertRejects(
    () => connect("ws://127.0.0.1:1", { proxy: proxy.replace("https", "http") }),
    ProxyError,
  );
  assertEquals(plain.message.includes("https: in place of http:"), true, plain.message);
}, { skip: missing("tinyproxy", "haproxy") });

test("connect() checks the server's certificate behind a proxy", async () => {
  await using proxy = await startTinyproxy();
  await using server = await startEcho(true);
  const error = await assertRejects(
    () => connect(server.url, { proxy: `http://127.0.0.1:${proxy.port}` }),
    Error,
  ) as Error & { code?: string };
  assertEquals([error.name, error.code], ["Error", "DEPTH_ZERO_SELF_SIGNED_CERT"]);
}, { skip: missing("tinyproxy") });

test("a connection through a proxy ends when the proxy does", async () => {
  await using server = await startEcho(true);
  const proxy = await startTinyproxy();
  const ws = await connect(server.url, { proxy: `http://127.0.0.1:${proxy.port}`, tls });
  const receiving = ws.receive();
  receiving.catch(() => {});
  await proxy[Symbol.asyncDispose]();
  const { code, endedBy } = await ws.closed;
  assertEquals([code, endedBy], [1006, "transport"]);
  await assertRejects(() => receiving, ConnectionClosed);
}, { skip: missing("tinyproxy") });

test("connect() follows a redirection through another proxy", async () => {
  await using first = await startTinyproxy();
  await using second = await startMicrosocks();
  await using server = await startEcho(false);
  await using moved = await serve({
    port: 0,
    fetch: () => new Response(null, { status: 307, headers: { location: server.url } }),
  });
  const ws = await connect(moved.url, {
    maxRedirects: 1,
    proxy: ({ port }) =>
      Number(port) === moved.port
        ? `http://127.0.0.1:${first.port}`
        : `socks5://127.0.0.1:${second.port}`,
  });
  await ws.send("hi");
  assertEquals(await ws.receive(), "hi");
  await ws.close();
}, { skip: missing("tinyproxy", "microsocks") });

test("connect() reads the environment", async () => {
  await using proxy = await startTinyproxy("me", "secret");
  await using server = await startEcho(false);
  const names = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];
  const before = names.map((name) => process.env[name]);
  try {
    for (const name of names) delete process.env[name];
    process.env["HTTP_PROXY"] = `http://me:wrong@127.0.0.1:${proxy.port}`;
    const error = await assertRejects(
      () => connect(server.url, { proxy: "environment" }),
      ProxyError,
    );
    assertEquals(error.code, "EPROXYAUTH");
    process.env["NO_PROXY"] = "127.0.0.0/8";
    const ws = await connect(server.url, { proxy: "environment" });
    await ws.close();
  } finally {
    names.forEach((name, i) => {
      if (before[i] === undefined) delete process.env[name];
      else process.env[name] = before[i];
    });
  }
}, { skip: missing("tinyproxy") });

test("WebSocket and WebSocketStream go through a proxy", async () => {
  await using running = await startMicrosocks("me", "secret");
  await using server = await startEcho(true);
  const proxy = `socks5://me:secret@127.0.0.1:${running.port}`;
  const ws = new WebSocket(server.url, { proxy, tls });
  const message = new Promise((resolve) => ws.onmessage = ({ data }) => resolve(data));
  ws.onopen = () => ws.send("hi");
  assertEquals(await message, "hi");
  const closed = new Promise((resolve) => ws.onclose = ({ code }) => resolve(code));
  ws.close(1000);
  assertEquals(await closed, 1000);

  const stream = new WebSocketStream(server.url, { proxy, tls });
  const { readable, writable } = await stream.opened;
  await writable.getWriter().write("there");
  assertEquals((await readable.getReader().read()).value, "there");
  stream.close();
  await stream.closed;

  const events: string[] = [];
  const refused = new WebSocket(server.url, { proxy: proxy.replace("secret", "wrong"), tls });
  await new Promise((resolve) => {
    refused.onerror = () => events.push("error");
    refused.onclose = () => resolve(events.push("close"));
  });
  assertEquals(events, ["error", "close"]);
}, { skip: missing("microsocks") });
