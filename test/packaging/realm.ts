// The built package inside a realm of its own, which is how Jest loads it: the classes of the language are the realm's,
// whatever the platform brings (sockets' chunks, Request, Response, errors) is of another.

import { assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createContext, runInContext } from "node:vm";
import type * as main from "@sansocket/ws";
import { root } from "./support.ts";

interface Module {
  exports: object;
}

/** Loads the package in a realm that has the platform's globals, but classes of its own. */
function loadApart(): { package: typeof main; realm: typeof globalThis } {
  const context = createContext({});
  const own = runInContext("Object.getOwnPropertyNames(globalThis)", context) as string[];
  for (const key of Object.getOwnPropertyNames(globalThis)) {
    // By value: some of Node's getters want their own global object.
    if (!own.includes(key)) Reflect.set(context, key, Reflect.get(globalThis, key));
  }
  const require = createRequire(import.meta.url);
  const loaded = new Map<string, Module>();
  const load = (file: string): object => {
    const module = loaded.get(file) ?? { exports: {} };
    if (!loaded.has(file)) {
      loaded.set(file, module);
      const code = `(function (exports, require, module) {${readFileSync(file, "utf8")}\n})`;
      const run = runInContext(code, context) as (...given: unknown[]) => void;
      const resolve = (id: string): unknown =>
        id.startsWith(".")
          ? load(join(dirname(file), id))
          // What package.json (`imports`) makes of it here.
          : id === "#runtime"
          ? load(join(root, "dist/node.cjs"))
          : require(id);
      run(module.exports, resolve, module);
    }
    return module.exports;
  };
  const realm = runInContext("globalThis", context) as typeof globalThis;
  return { package: load(join(root, "dist/mod.cjs")) as typeof main, realm };
}

const large = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);

/** Runs a server and clients there. The package must have been built. */
export async function runApart(): Promise<void> {
  const { package: { connect, PreparedMessage, serve }, realm } = loadApart();
  assertEquals(realm.Uint8Array === Uint8Array, false);
  const errors: unknown[] = [];
  const server = await serve({
    port: 0,
    compression: true,
    error: (error) => errors.push(error),
    routes: {
      "/constant": new Response("constant"),
      "/body": async (request) => new Response(await request.text()),
      "/echo": { websocket: { message: (ws, data) => ws.send(data) } },
    },
  });
  const text = async (path: string, init?: RequestInit): Promise<string> =>
    await (await fetch(new URL(path, server.url), init)).text();
  assertEquals(await text("/constant"), "constant");
  assertEquals(await text("/body", { method: "POST", body: "x".repeat(100_000) }), "x".repeat(1e5));
  for (const compression of [false, true]) {
    const ws = await connect(new URL("/echo", server.url), { compression });
    for (const message of ["text", "x".repeat(100_000), large.subarray(0, 3), large]) {
      for (const data of [message, new PreparedMessage(message)]) {
        await ws.send(data);
        const got = await ws.receive();
        assertEquals(typeof got === "string" ? got : Uint8Array.from(got), message);
      }
    }
    assertEquals(typeof await ws.ping(large.subarray(0, 9)), "number");
    assertEquals((await ws.close()).wasClean, true);
  }
  await server.close();
  assertEquals(errors, []);
}
