// What the types of serve() and upgrade() infer. Most of it is judged by the compiler, not at run time: `is<A, B>(true)`
// compiles only when both types are the same, and the line under an expected error only when it is one.

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import type {
  Address,
  RouteParams,
  Upgrade,
  WebSocketConnection,
  WebSocketFunction,
  WebSocketHooks,
} from "@sansocket/ws";
import { CloseEvent, connect, serveFiles, WebSocket, WebSocketStream } from "@sansocket/ws";
import { attach } from "@sansocket/ws/node";
import { createNetwork } from "@sansocket/ws/testing";
import { createServer } from "node:http";
import { test } from "./support/test.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/** Compiles only when `A` and `B` are the same type. */
function is<A, B>(same: Same<A, B>): void {
  checked += same ? 1 : 0;
}
let checked = 0;

interface User {
  readonly user: string;
}

test("RouteParams names what a pattern finds", () => {
  checked = 0;
  is<RouteParams<"/rooms/:room">, { readonly room: string }>(true);
  is<RouteParams<"/:a/b/:c">, { readonly a: string; readonly c: string }>(true);
  is<RouteParams<"/:a/*">, { readonly a: string; readonly "*": string }>(true);
  is<keyof RouteParams<"/">, never>(true);
  is<RouteParams<string>, Readonly<Record<string, string>>>(true);
  assertEquals(checked, 5);
});

test("Upgrade infers data for a handler, and asks for it where it is needed", () => {
  checked = 0;
  const upgrade = ((handler: unknown) => {
    if (typeof handler === "function") handler({ data: { user: "ann" } });
    return new Response();
  }) as Upgrade;
  const hooks: WebSocketHooks<User> = {};
  const handler: WebSocketFunction<User> = (ws) => ws.data.user;
  const any = (ws: WebSocketConnection) => ws.data;

  upgrade((ws) => is<typeof ws.data, User>(true), { data: { user: "ann" } as User });
  upgrade((ws) => is<typeof ws.data, undefined>(true));
  upgrade((ws) => is<typeof ws.data, undefined>(true), { protocol: ["a"] });
  upgrade({
    message(ws, data) {
      is<typeof ws.data, { user: string; age: number }>(true);
      is<typeof data, string | Uint8Array<ArrayBuffer>>(true);
    },
  }, { data: { user: "ann", age: 1 } });
  upgrade(any);
  upgrade(any, { data: 1 });
  upgrade(hooks, { data: { user: "ann" } });
  upgrade(handler, { data: { user: "ann" } });
  // @ts-expect-error the handler needs data
  upgrade(hooks);
  // @ts-expect-error the handler needs data
  upgrade(handler);
  // @ts-expect-error the handler needs data
  upgrade(handler, { protocol: "a" });
  // @ts-expect-error the handler needs other data
  upgrade(handler, { data: { user: 1 } });
  assertEquals(checked, 3);
});

test("serve() infers the params and data of each route", async () => {
  checked = 0;
  const { serve, connect } = createNetwork();
  const hooks: WebSocketHooks<User> = {};
  const reported: unknown[] = [];
  const server = await serve({
    error: (error) => void reported.push(error),
    routes: {
      "/": new Response("page"),
      "/:user/posts/:post": (_request, { params, upgrade }) => {
        is<typeof params, { readonly user: string; readonly post: string }>(true);
        return upgrade((ws) => ws.send(ws.data.post), { data: params });
      },
      "/things/:thing": {
        GET: (request, { params, upgrade, remoteAddress }) => {
          is<typeof request, Request>(true);
          is<typeof params, { readonly thing: string }>(true);
          is<typeof remoteAddress, Address | undefined>(true);
          return upgrade((ws) => ws.send(ws.data), { data: params.thing });
        },
        POST: async (request, { params }) => new Response(await request.text() + params.thing),
        DELETE: new Response(null, { status: 204 }),
      },
      "/rooms/:room": {
        websocket: {
          async open(ws) {
            is<typeof ws.data, { readonly room: string }>(true);
            await ws.send(ws.data.room);
          },
        },
      },
      "/plain": { websocket: (ws) => is<typeof ws.data, undefined>(true) },
      "/count": {
        websocket: (ws) => {
          is<typeof ws.data, number>(true);
          return ws.send(ws.data.toFixed(1));
        },
        data: 3,
        fetch: (_request, { params }) => Response.json(params),
      },
      "/users/:user": { websocket: hooks },
      "/ann": { websocket: hooks, data: { user: "ann" } },
      "/static/*": serveFiles("public"),
    },
    fetch: serveFiles("public"),
  });
  const receive = async (path: string): Promise<unknown> => {
    const ws = await connect(new URL(path, server.url));
    const message = await ws.receive();
    ws.terminate();
    return message;
  };
  assertEquals(await receive("/ann/posts/one"), "one");
  assertEquals(await receive("/things/one"), "one");
  assertEquals(await receive("/rooms/lobby"), "lobby");
  assertEquals(await receive("/count"), "3.0");
  const plain = await connect(new URL("/plain", server.url));
  assertEquals((await plain.closed).code, 1000);
  await server.close();
  assertEquals(checked, 7);
  // The handler of "/plain" does nothing with its connection, and is told so.
  assertEquals(reported.length, 1);
  assertMatch(String(reported[0]), /returned at once without using it/);
});

test("serve() refuses routes of the wrong types", async () => {
  const { serve } = createNetwork();
  const hooks: WebSocketHooks<User> = {};
  const options = { error: () => {} };
  const servers = [
    // @ts-expect-error there is no such parameter
    await serve({ ...options, port: 1, routes: { "/:a": (_r, { params }) => params.b } }),
    // @ts-expect-error a route answers with a Response
    await serve({ ...options, port: 2, routes: { "/": () => "text" } }),
    // @ts-expect-error the handler needs data
    await serve({ ...options, port: 3, routes: { "/": { websocket: hooks } } }),
    // @ts-expect-error the handler needs other data
    await serve({ ...options, port: 4, routes: { "/": { websocket: hooks, data: { user: 1 } } } }),
    // @ts-expect-error there is no such parameter
    await serve({ ...options, port: 5, routes: { "/:a": { GET: (_r, { params }) => params.b } } }),
    // @ts-expect-error a method answers with a Response
    await serve({ ...options, port: 6, routes: { "/": { GET: () => "text" } } }),
  ];
  assertEquals(servers.map(({ port }) => port), [1, 2, 3, 4, 5, 6]);
  // @ts-expect-error methods are written in capitals
  const lower = serve({ routes: { "/": { get: () => new Response() } } });
  await assertRejects(() => lower, TypeError);
  // @ts-expect-error a socket answers other requests by its fetch
  const both = serve({ routes: { "/": { websocket: {}, GET: () => new Response() } } });
  await assertRejects(() => both, TypeError);
  for (const server of servers) await server.close();
});

test("serve() and attach() refuse a handler that needs data, for there is none", async () => {
  checked = 0;
  const { serve } = createNetwork();
  const hooks: WebSocketHooks<User> = {};
  const handler: WebSocketFunction<User> = (ws) => ws.data.user;
  const any: WebSocketHooks = { open: (ws) => is<typeof ws.data, unknown>(true) };
  class Handler implements WebSocketHooks<User> {
    open(ws: WebSocketConnection<User>): string {
      return ws.data.user;
    }
  }
  const servers = [
    // @ts-expect-error the handler needs data
    await serve({ port: 1, websocket: hooks }),
    // @ts-expect-error the handler needs data
    await serve({ port: 2, websocket: handler }),
    // @ts-expect-error the handler needs data
    await serve({ port: 3, websocket: new Handler() }),
    // @ts-expect-error the handler needs data
    await serve({ port: 4, websocket: { open: (ws: WebSocketConnection<User>) => ws.data.user } }),
    await serve({ port: 5, websocket: any }),
    await serve({ port: 6, websocket: (ws) => is<typeof ws.data, unknown>(true) }),
    // What is set later is the program's own affair.
    await serve({ port: 7, websocket: { open: (ws) => ws.data = { user: "ann" } } }),
  ];
  for (const server of servers) await server.close();
  const server = createServer();
  const attached = [
    // @ts-expect-error the handler needs data
    attach(server, { path: "/1", websocket: hooks }),
    // @ts-expect-error the handler needs data
    attach(server, { path: "/2", websocket: handler }),
    // @ts-expect-error the handler needs data
    attach(server, { path: "/3", websocket: new Handler() }),
    attach(server, { path: "/4", websocket: any }),
  ];
  for (const one of attached) await one.close();
  assertEquals([servers.length, attached.length, checked], [7, 4, 0]);
});

test("WebSocket and WebSocketStream are a class and a type by one name", () => {
  checked = 0;
  const ws: WebSocket = new WebSocket("ws://127.0.0.1:1/", [], { headers: { a: "b" } });
  ws.close();
  // Code that is written against the platform's takes it.
  const platform: globalThis.WebSocket = ws;
  is<typeof ws.readyState, 0 | 1 | 2 | 3>(true);
  is<typeof WebSocket.OPEN, 1>(true);
  const listen = (_type: "message", listener: NonNullable<WebSocket["onmessage"]>) => listener;
  listen("message", ({ data }) => is<typeof data, string | Blob | ArrayBuffer>(true));
  const stream: WebSocketStream = new WebSocketStream("ws://127.0.0.1:1/", { protocols: ["a"] });
  stream.close({ closeCode: 1000 });
  const event: CloseEvent = new CloseEvent("close", { code: 1000 });
  is<typeof event.code, number>(true);
  class Mine extends WebSocket {
    readonly mine = true;
  }
  const mine = new Mine("ws://127.0.0.1:1/");
  mine.close();
  // @ts-expect-error it is a URL
  const wrong = (): WebSocket => new WebSocket(5);
  assertEquals([platform === ws, mine.mine, typeof wrong, checked], [true, true, "function", 3]);
});

test("connect() takes header fields in every form, and nothing else", async () => {
  const signal = AbortSignal.abort(new RangeError("not now"));
  const fields = [
    { a: "b", c: undefined },
    [["a", "b"]] as [string, string][],
    [["a", "b"]] as const,
    new Headers(),
    new Map([["a", "b"]]),
    undefined,
  ] as const;
  const url = "ws://127.0.0.1:1/";
  const dials = fields.map((headers) => connect(url, { signal, ...(headers && { headers }) }));
  const wrong: Promise<unknown>[] = [
    // @ts-expect-error these are no header fields
    connect(url, { headers: 5 }),
    // @ts-expect-error these are no pairs
    connect(url, { headers: [["a"]] }),
    // @ts-expect-error a value is a string
    connect(url, { headers: { a: {} }, signal }),
  ];
  const names = (await Promise.allSettled([...dials, ...wrong])).map((result) =>
    result.status === "rejected" ? (result.reason as Error).name : result.status
  );
  assertEquals(names, [...fields.map(() => "RangeError"), "TypeError", "TypeError", "RangeError"]);
});
