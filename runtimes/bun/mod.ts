/**
 * `serve()` and `connect()` over `Bun.listen` and `node:net`, by name. The main entry point picks
 * the right ones by itself.
 *
 * @module
 */

import { type Connect, createConnect } from "../../src/client.ts";
import { createServe, type Serve } from "../../src/server.ts";
import { bunRuntime } from "./runtime.ts";

export {
  adopt,
  type Adopted,
  type AdoptOptions,
  type BunServer,
  type BunWebSocket,
  type BunWebSocketHooks,
} from "./adopt.ts";
export type { AdoptionOptions } from "../../src/server/adopt.ts";
export type { CommonOptions } from "../../src/server/context.ts";
export { bunRuntime };
export type { Connect, Serve };

/** Starts a server on Bun; see the main entry point. */
export const serve: Serve = createServe(bunRuntime);

/** Opens a connection from Bun; see the main entry point. */
export const connect: Connect = createConnect(bunRuntime);
