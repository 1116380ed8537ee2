/**
 * `serve()` and `connect()` over `node:net`, by name. The main entry point picks
 * the right ones by itself.
 *
 * @module
 */

import { type Connect, createConnect } from "../../src/client.ts";
import { createServe, type Serve } from "../../src/server.ts";
import { nodeRuntime } from "./runtime.ts";

export type { AttachmentOptions } from "../../src/server/attach.ts";
export type { CommonOptions } from "../../src/server/context.ts";
export { attach, type Attached, type AttachOptions } from "./attach.ts";
export { createDuplex } from "./duplex.ts";
export { nodeRuntime };
export type { Connect, Serve };

/** Starts a server on Node; see the main entry point. */
export const serve: Serve = createServe(nodeRuntime);

/** Opens a connection from Node; see the main entry point. */
export const connect: Connect = createConnect(nodeRuntime);
