// One raw connection to a server of HTTP/1.1, for the tests of its sessions.

import { serve, type ServeOptions, type Server } from "@sansocket/ws";
import { RawPeer } from "./raw.ts";
import { test } from "./test.ts";

/** What such a test works with. */
export interface SessionScene {
  /** The server. */
  readonly server: Server;
  /** The client. */
  readonly peer: RawPeer;
  /** What the server's `error` option was called with. */
  readonly reported: unknown[];
}

/** Registers the test "HttpSession …", which runs `body` with a raw connection to a server. */
export function sessionTest(
  name: string,
  options: ServeOptions,
  body: (scene: SessionScene) => Promise<void>,
): void {
  test(`HttpSession ${name}`, async () => {
    const reported: unknown[] = [];
    const error = (error: unknown): void => void reported.push(error);
    await using server = await serve({ error, ...options, port: 0 });
    await using peer = await RawPeer.dial(server.port);
    await body({ server, peer, reported });
  });
}
