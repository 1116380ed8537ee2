/**
 * `serve()` and `connect()` over `Deno.listen` and `Deno.connect`, by name. The main entry point picks
 * the right ones by itself.
 *
 * @module
 */

import { type Connect, createConnect } from "../../src/client.ts";
import { createServe, type Serve } from "../../src/server.ts";
import { denoRuntime } from "./runtime.ts";

export { adopt, type Adopted, type DenoServeInfo } from "./adopt.ts";
export type { AdoptionOptions } from "../../src/server/adopt.ts";
export type { CommonOptions } from "../../src/server/context.ts";
export { denoRuntime };
export type { Connect, Serve };

/** Starts a server on Deno; see the main entry point. */
export const serve: Serve = createServe(denoRuntime);

/** Opens a connection from Deno; see the main entry point. */
export const connect: Connect = createConnect(denoRuntime);
