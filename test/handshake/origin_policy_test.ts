// What servers are told about origins and hosts, one table for serve(), attach() and adopt().

import { assertEquals, assertStringIncludes } from "@std/assert";
import { createServer } from "node:http";
import type { AdoptionOptions } from "@sansocket/ws/deno";
import { attach } from "@sansocket/ws/node";
import { type Origins, serve } from "@sansocket/ws";
import { Adoption } from "../../src/server/adopt.ts";
import { RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";
import { change, REQUEST } from "./heads.ts";

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Answers a handshake with these changes, from this machine. */
type Ask = (options: AdoptionOptions, changes: readonly string[], own?: Origins) => Promise<Answer>;

async function askPort(port: number, changes: readonly string[]): Promise<Answer> {
  await using peer = await RawPeer.dial(port);
  const { status, body } = await peer.upgrade(...changes);
  return { status, body };
}

const servers: Readonly<Record<string, Ask>> = {
  "serve() with websocket": async (options, changes, own) => {
    const route = { websocket: {}, ...(own === undefined ? {} : { origins: own }) };
    const what = own === undefined ? { websocket: {} } : { routes: { "/*": route } };
    await using server = await serve({ port: 0, ...options, ...what });
    return await askPort(server.port, changes);
  },
  "serve() with fetch": async (options, changes, own) => {
    await using server = await serve({
      port: 0,
      ...options,
      fetch: (_request, { upgrade }) => upgrade({}, own === undefined ? {} : { origins: own }),
    });
    return await askPort(server.port, changes);
  },
  "attach()": async (options, changes, own) => {
    const server = createServer();
    const sockets = attach(server, {
      ...options,
      fetch: (_request, { upgrade }) => upgrade({}, own === undefined ? {} : { origins: own }),
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      return await askPort((server.address() as { port: number }).port, changes);
    } finally {
      await sockets.close();
      await new Promise((resolve) => server.close(resolve));
    }
  },
  "adopt()": async (options, changes, own) => {
    const headers = new Headers();
    for (const line of change(REQUEST, ...changes).slice(1)) {
      const [name = "", value = ""] = line.split(/: (.*)/);
      headers.append(name, value);
    }
    const request = new Request("http://127.0.0.1/chat", { headers });
    const decision = new Adoption(options).decide(
      request,
      { hostname: "127.0.0.1", port: 1 },
      {},
      own === undefined ? {} : { origins: own },
    );
    if (!(decision instanceof Response)) {
      decision.cancel();
      return { status: 101, body: "" };
    }
    return { status: decision.status, body: await decision.text() };
  },
};

const origin = (value: string): string => `Origin: ${value}`;
const host = (value: string): string => `Host: ${value}`;
const app = "https://app.example";
const evil = "https://evil.example";

type Case = readonly [
  what: string,
  AdoptionOptions,
  readonly string[],
  status: number,
  own?: Origins,
];

const cases: readonly Case[] = [
  ["a client without Origin", {}, [], 101],
  ["a client without Origin, where one is required", { requireOrigin: true }, [], 403],
  ["the same origin, where one is required", { requireOrigin: true }, [
    origin("http://server.example.com"),
  ], 101],
  ["the same origin with a slash", {}, [origin("http://server.example.com/")], 101],
  ["a loopback page on a loopback host", {}, [
    host("127.0.0.1:8000"),
    origin("http://localhost:3000"),
  ], 101],
  [
    "a loopback page on another host, as behind a local proxy",
    {},
    [host("chat.example.org"), origin("http://localhost:3000")],
    403,
  ],
  [
    "a loopback page on a host that looks like loopback",
    {},
    [host("localhost.evil.example"), origin("http://localhost:3000")],
    403,
  ],
  ["a listed origin", { origins: [app] }, [origin(app)], 101],
  ["an origin that is not listed", { origins: [app] }, [origin(evil)], 403],
  ["a listed scheme", { origins: ["moz-extension:"] }, [origin("moz-extension://4f6e0f1c")], 101],
  ["file://", { origins: ["file://"] }, [origin("file://")], 101],
  ["an origin that a function allows", { origins: (value) => value === app }, [origin(app)], 101],
  ["an origin that a function denies", { origins: (value) => value === app }, [origin(evil)], 403],
  [
    "the same origin, which no function is asked about",
    {
      origins: () => false,
    },
    [origin("http://server.example.com")],
    101,
  ],
  ["a client without Origin, which no function is asked about", { origins: () => false }, [], 101],
  [
    "a function by what the request says",
    {
      origins: (_origin, request) => new URL(request.url).pathname === "/chat",
    },
    [origin(evil)],
    101,
  ],
  ["two origins", { origins: () => true }, [`+${origin(app)}`, `+${origin(evil)}`], 403],
  ["what a route allows", {}, [origin(app)], 101, [app]],
  ["what a route allows in place of the server", { origins: [evil] }, [origin(evil)], 403, [app]],
  [
    "what a route's function allows",
    { origins: [evil] },
    [origin(app)],
    101,
    (value) => value === app,
  ],
  ["what a route's function denies", { origins: ["*"] }, [origin(evil)], 403, () => false],
  ["a host that is served", { hosts: ["server.example.com"] }, [], 101],
  ["a host that is not served", { hosts: ["example.org"] }, [], 421],
  [
    "a page whose name was made to point here (DNS rebinding)",
    { hosts: ["localhost", "127.0.0.1"] },
    [host("attacker.example:8000"), origin("http://attacker.example:8000")],
    421,
  ],
  [
    "a host that a trusted proxy names",
    { hosts: ["chat.example.org"], trustProxy: true },
    [host("backend:3000"), "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: chat.example.org"],
    101,
  ],
];

for (const [name, ask] of Object.entries(servers)) {
  for (const [what, options, changes, status, own] of cases) {
    test(`${name} answers ${status} to ${what}`, async () => {
      const reported: unknown[] = [];
      const error = (one: unknown): number => reported.push(one);
      assertEquals((await ask({ ...options, error }, changes, own)).status, status);
      assertEquals(reported, []);
    });
  }

  test(`${name} says what to do about an origin that may not connect`, async () => {
    const table: readonly (readonly [AdoptionOptions, readonly string[], readonly string[]])[] = [
      [{}, [origin(evil)], [
        'the Host "server.example.com"',
        `got "${evil}"`,
        "`origins`",
        "proxy_set_header Host",
        "`trustProxy`",
      ]],
      [{}, [origin("null")], ['got "null"', "opened as a file", 'list "null"']],
      [{ requireOrigin: true }, [], ["Expected an Origin, got none", "`requireOrigin`"]],
      [{ hosts: ["a.example"] }, [], ["`hosts`", 'got Host "server.example.com"']],
    ];
    for (const [options, changes, parts] of table) {
      const { body } = await ask(options, changes);
      for (const part of parts) assertStringIncludes(body, part);
    }
  });

  test(`${name} denies and reports once where the function throws, or says neither yes nor no`, async () => {
    const table: readonly (readonly [() => unknown, string])[] = [
      [() => {
        throw new Error("no database");
      }, "Error: no database"],
      [() => Promise.resolve(true), "got an object: what takes time is for fetch to decide"],
      [() => Promise.reject(new Error("no database")), "got an object"],
      [() => undefined, "Expected origins() to return true or false, got undefined"],
      [() => 1, "got 1"],
    ];
    for (const [origins, message] of table) {
      const reported: unknown[] = [];
      const error = (one: unknown): number => reported.push(one);
      for (const own of [undefined, origins as Origins]) {
        const options = own === undefined ? { error, origins: origins as Origins } : { error };
        assertEquals((await ask(options, [origin(evil)], own)).status, 403);
      }
      assertEquals(reported.length, 2);
      for (const one of reported) assertStringIncludes(String(one), message);
    }
  });
}

test("serve() with hosts answers 421 to pages too", async () => {
  const paths: string[] = [];
  await using server = await serve({
    port: 0,
    hosts: ["127.0.0.1"],
    fetch: (request) => {
      paths.push(new URL(request.url).pathname);
      return new Response("page");
    },
  });
  const ask = async (lines: readonly string[]): Promise<Answer> => {
    await using peer = await RawPeer.dial(server.port);
    peer.send(`${lines.join("\r\n")}\r\n\r\n`);
    return await peer.takeResponse();
  };
  assertEquals((await ask(["GET /a HTTP/1.1", "Host: attacker.example"])).status, 421);
  assertEquals((await ask(["GET /b HTTP/1.0"])).status, 421);
  assertEquals((await ask(["GET /c HTTP/1.1", `Host: 127.0.0.1:${server.port}`])).status, 200);
  assertEquals(paths, ["/c"]);
});
