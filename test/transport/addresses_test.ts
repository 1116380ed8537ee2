// Which address connect() takes, over real sockets of the runtime that the tests run on. What is
// tried when is in happy_eyeballs_test.ts.

import { assert, assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import {
  connect,
  type ConnectOptions,
  createDevelopmentCertificate,
  HandshakeError,
  serve,
  WebSocket,
} from "@sansocket/ws";
import { createConnect, createWebRuntime } from "@sansocket/ws/web";
import { createNetwork } from "@sansocket/ws/testing";
import { connect as dial, type Socket } from "node:net";
import process from "node:process";
import { familyOf, interleave } from "../../src/transport/addresses.ts";
import { settled } from "../support/connections.ts";
import { withoutRow } from "../support/error_rows.ts";
import { run } from "../support/process.ts";
import { test } from "../support/test.ts";

// Elsewhere a machine has one loopback address.
const skip = process.platform === "linux" ? undefined : "needs 127.0.0.0/8";

const tls = await createDevelopmentCertificate({ hostnames: ["host.test"] });

/** Says what the server knows of its client. */
function serveAddress(hostname = "127.0.0.1", port = 0, secure = false) {
  return serve({
    hostname,
    port,
    ...(secure ? { tls } : {}),
    fetch: (request, { upgrade, remoteAddress }) =>
      upgrade((ws) => ws.send(`${remoteAddress?.hostname} asks ${new URL(request.url).hostname}`)),
  });
}

/** What a server says that is asked by the name "host.test". */
async function ask(port: number, secure: boolean, options: ConnectOptions): Promise<unknown[]> {
  const url = `${secure ? "wss" : "ws"}://host.test:${port}/`;
  const ws = await connect(url, { tls: { ca: tls.cert }, ...options });
  const result = [await ws.receive(), ws.remoteAddress?.hostname, ws.localAddress?.hostname];
  await ws.close();
  return result;
}

async function codeOf(attempt: () => Promise<unknown>): Promise<readonly [unknown, string]> {
  const error = await assertRejects(attempt, Error);
  return [(error as { code?: unknown }).code, withoutRow(error.message)];
}

/** Listens on 127.0.0.2 and never accepts: `node -e`, which says its port and then stands still. */
const DEAF = `
  const server = require("node:net").createServer();
  server.listen({ host: "127.0.0.2", port: 0, backlog: 1 }, () => {
    require("node:fs").writeSync(1, "port " + server.address().port + "\\n");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 120_000);
  });
`;

for (const secure of [false, true]) {
  const scheme = secure ? "wss:" : "ws:";

  test(`connect() over ${scheme} takes the addresses of lookup, and the name of the URL`, async () => {
    await using server = await serveAddress("127.0.0.1", 0, secure);
    const lookup = (hostname: string) => hostname === "host.test" ? ["127.0.0.1"] : [];
    assertEquals(await ask(server.port, secure, { lookup }), [
      "127.0.0.1 asks host.test",
      "127.0.0.1",
      "127.0.0.1",
    ]);
  });

  test(`connect() over ${scheme} leaves an address that does not answer for the next`, async () => {
    const deaf = run(["node", "-e", DEAF]);
    const [, port] = await deaf.waitFor(/port (\d+)/);
    // More than the queue of the listener holds: those behind it are not answered at all.
    const crowd = Array.from(
      { length: 8 },
      () => dial({ host: "127.0.0.2", port: Number(port) }).on("error", () => {}),
    );
    await new Promise((resolve) => crowd[0]!.on("connect", resolve));
    await using server = await serveAddress("127.0.0.1", Number(port), secure);
    const lookup = () => ["127.0.0.2", "127.0.0.1"];
    const [, remote] = await ask(server.port, secure, { lookup, handshakeTimeout: 20_000 });
    assertEquals(remote, "127.0.0.1");
    for (const socket of crowd) (socket as Socket).destroy();
    await deaf.stop("SIGKILL");
  }, { skip });

  test(`connect() over ${scheme} leaves an address that refuses for the next`, async () => {
    await using server = await serveAddress("127.0.0.1", 0, secure);
    const lookup = () => ["127.0.0.2", "127.0.0.3", "127.0.0.1"];
    assertEquals((await ask(server.port, secure, { lookup }))[1], "127.0.0.1");
  }, { skip });

  test(`connect() over ${scheme} to a host of which no address answers names them`, async () => {
    const server = await serveAddress();
    const { port } = server;
    await server.close();
    const lookup = () => ["127.0.0.1", "127.0.0.2"];
    assertEquals(await codeOf(() => ask(port, secure, { lookup })), [
      "ECONNREFUSED",
      `Could not connect to host.test:${port}: nothing listens there; start the server, or check the address (ECONNREFUSED); tried 127.0.0.1, 127.0.0.2`,
    ]);
  }, { skip });

  test(`connect() over ${scheme} has the localAddress that it is told`, async () => {
    await using server = await serveAddress("127.0.0.1", 0, secure);
    const lookup = () => ["::1", "127.0.0.1"];
    assertEquals(await ask(server.port, secure, { lookup, localAddress: "127.0.0.5" }), [
      "127.0.0.5 asks host.test",
      "127.0.0.1",
      "127.0.0.5",
    ]);
  }, { skip });

  test(`connect() over ${scheme} refuses a localAddress that the machine does not have`, async () => {
    await using server = await serveAddress("127.0.0.1", 0, secure);
    const options = { lookup: () => ["127.0.0.1"], localAddress: "203.0.113.77" };
    assertEquals(await codeOf(() => ask(server.port, secure, options)), [
      "EADDRNOTAVAIL",
      `Could not connect to host.test:${server.port}: this machine does not have the address; take one that it has as localAddress (EADDRNOTAVAIL)`,
    ]);
  });

  test(`connect() over ${scheme} waits no longer for lookup than for the handshake`, async () => {
    const lookup = () => new Promise<never>(() => {});
    const options = { lookup, handshakeTimeout: 50 };
    const error = await assertRejects(() => ask(80, secure, options), HandshakeError);
    assertEquals(error.code, "ETIMEDOUT");
  });

  test(`connect() over ${scheme} ends with the signal while lookup waits`, async () => {
    const controller = new AbortController();
    let given: AbortSignal | undefined;
    const lookup: ConnectOptions["lookup"] = (_hostname, { signal }) => {
      given = signal;
      return new Promise<never>(() => {});
    };
    const attempt = ask(80, secure, { lookup, signal: controller.signal });
    const ended = assertRejects(() => attempt);
    while (given === undefined) await settled();
    assertEquals(given.aborted, false);
    const reason = new Error("Enough");
    controller.abort(reason);
    assertStrictEquals(await ended, reason);
    assert(given.aborted);
  });

  test(`connect() over ${scheme} takes the family that it is told`, async () => {
    await using server = await serveAddress("127.0.0.1", 0, secure);
    const lookup = () => ["::1", "127.0.0.1"];
    assertEquals((await ask(server.port, secure, { lookup, family: 4 }))[1], "127.0.0.1");
    const [code, message] = await codeOf(() =>
      ask(server.port, secure, { lookup: () => ["127.0.0.1"], family: 6 })
    );
    assertEquals(code, "ENOTFOUND");
    assertMatch(message, /the host has no IPv6 address; leave out the options family/);
  });
}

test("connect() finds localhost by the system, in the family that it is told", async () => {
  await using server = await serveAddress("127.0.0.1");
  for (const options of [{}, { family: 4 }, { localAddress: "127.0.0.1" }] as const) {
    const ws = await connect(`ws://localhost:${server.port}/`, options);
    assertEquals(await ws.receive(), "127.0.0.1 asks localhost");
    await ws.close();
  }
});

test("connect() asks lookup for each redirection", async () => {
  await using server = await serveAddress();
  await using first = await serve({
    port: 0,
    fetch: () => Response.redirect(`http://second.test:${server.port}/`, 307),
  });
  const asked: string[] = [];
  const lookup = (hostname: string) => {
    asked.push(hostname);
    return ["127.0.0.1"];
  };
  const ws = await connect(`ws://first.test:${first.port}/`, { lookup, maxRedirects: 1 });
  assertEquals(await ws.receive(), "127.0.0.1 asks second.test");
  await ws.close();
  assertEquals(asked, ["first.test", "second.test"]);
});

test("connect() asks lookup for no IP address", async () => {
  await using server = await serveAddress();
  const lookup = () => {
    throw new Error("asked");
  };
  const ws = await connect(server.url, { lookup });
  await ws.close();
});

test("WebSocket takes lookup too", async () => {
  await using server = await serveAddress();
  const ws = new WebSocket(`ws://host.test:${server.port}/`, { lookup: () => ["127.0.0.1"] });
  const said = await new Promise((resolve, reject) => {
    ws.onmessage = ({ data }) => resolve(data);
    ws.onerror = reject;
  });
  assertEquals(said, "127.0.0.1 asks host.test");
  ws.close();
});

test("connect() by dial, on a network in memory and over streams refuses what it would ignore", async () => {
  const overStreams = createConnect(
    createWebRuntime({ open: () => Promise.reject(new Error("opened")) }),
  );
  for (
    const options of [{ family: 4 }, { localAddress: "::1" }, { lookup: () => [] }] as const
  ) {
    const name = Object.keys(options);
    await assertRejects(
      () => createNetwork().connect("ws://a/", options),
      TypeError,
      `Expected no ${name} on a network in memory`,
    );
    await assertRejects(
      () => overStreams("ws://a/", options),
      TypeError,
      `Expected no ${name} over streams`,
    );
    const dial = () => Promise.reject(new Error("dialled"));
    await assertRejects(
      () => connect("ws://a/", { dial, ...options }),
      TypeError,
      `Expected no ${name} with dial`,
    );
  }
});

test("familyOf() knows IP addresses from names", () => {
  const texts = ["127.0.0.1", "::1", "::ffff:192.0.2.1", "fe80::1%lo", "localhost", "127.1", ""];
  assertEquals(texts.map(familyOf), [4, 6, 6, 6, undefined, undefined, undefined]);
});

test("interleave() alternates between the families, from that of the first", () => {
  const [one, two, three, six] = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"] as const;
  assertEquals(interleave([six, "::2", one, two, three]), [six, one, "::2", two, three]);
  assertEquals(interleave([one, two, six, "::2"]), [one, six, two, "::2"]);
  assertEquals(interleave([one, one, six, one]), [one, six]);
  assertEquals(interleave([]), []);
});
