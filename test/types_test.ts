// What the types of serve() and upgrade() infer. Most of it is judged by the compiler, not at run time: `is<A, B>(true)`
// compiles only when both types are the same, and the line under an expected error only when it is one.

import { assertEquals, assertRejects } from "@std/assert";
import type {
  Address,
  RouteParams,
  Upgrade,
  WebSocketConnection,
  WebSocketFunction,
  WebSocketHooks,
} from "@sansocket/ws";
import { serveFiles } from "@sansocket/ws";
import { createNetwork } from "@sansocket/ws/testing";
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
  const server = await serve({
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
