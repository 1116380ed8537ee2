// The shim for the runtime that the program is on, chosen and loaded when it is first needed. This
// is what JSR and pages get. npm has conditions for it: package.json (`imports`) puts the shim
// itself here, so that a bundler takes only that.

import type { Connect } from "../src/client/connect.ts";
import type { Serve } from "../src/server/serve.ts";

function load(): Promise<{ readonly serve: Serve; readonly connect: Connect }> {
  const runtime = globalThis as { Deno?: unknown; Bun?: unknown };
  if (runtime.Deno !== undefined) return import("./deno/mod.ts");
  if (runtime.Bun !== undefined) return import("./bun/mod.ts");
  return import("./node/mod.ts");
}

/** Starts a server on this runtime. */
export const serve: Serve = async (options) => await (await load()).serve(options);

/** Opens a connection from this runtime. */
export const connect: Connect = async (url, options) => await (await load()).connect(url, options);
