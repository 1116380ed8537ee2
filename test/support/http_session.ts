// One raw connection to a server of HTTP/1.1, for the tests of its sessions.

import type { ServeOptions, Server } from "@sansocket/ws";
import type { Link, TestClock } from "@sansocket/ws/testing";
import { createTcp, type RawNetwork } from "./clocked.ts";
import type { RawPeer } from "./raw.ts";
import { test } from "./test.ts";

/** What such a test works with. */
export interface SessionScene {
  /** The server. */
  readonly server: Server;
  /** The client. */
  readonly peer: RawPeer;
  /** Drives what waits in memory. */
  readonly clock: TestClock;
  /** The connection in memory; undefined over TCP. */
  readonly link: Link | undefined;
  /** What the server's `error` option was called with. */
  readonly reported: unknown[];
}

/** Registers the test "HttpSession …", which runs `body` with a raw connection to a server. */
export function sessionTest(
  name: string,
  options: ServeOptions,
  body: (scene: SessionScene) => Promise<void>,
  network: () => RawNetwork = createTcp,
): void {
  test(`HttpSession ${name}`, async () => {
    const scene = network();
    const { clock, serve, dial } = scene;
    const reported: unknown[] = [];
    const error = (error: unknown): void => void reported.push(error);
    const server = await serve({ error, ...options, port: 0 });
    const peer = await dial(server.port);
    await body({ server, peer, clock, link: scene.links[0], reported });
    await peer[Symbol.asyncDispose]();
    await server.close();
  });
}
