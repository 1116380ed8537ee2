import { adopt, type BunServer } from "@sansocket/ws/bun";
import { runtime } from "../../support/test.ts";
import { adoptSuite } from "../adopt_suite.ts";

interface BunServe {
  serve(options: unknown): { readonly port: number; stop(force: boolean): Promise<void> };
}

adoptSuite(
  (options, handler, upgradeOptions) => {
    const sockets = adopt(options);
    const { Bun } = globalThis as unknown as { Bun: BunServe };
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request: Request, server: BunServer) =>
        sockets.upgrade(request, server, handler, upgradeOptions),
      websocket: sockets.websocket,
    });
    return { port: server.port, sockets, stop: () => server.stop(true) };
  },
  true,
  runtime === "bun" ? undefined : "it needs Bun",
);
