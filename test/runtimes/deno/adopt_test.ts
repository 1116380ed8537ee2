import { adopt, type DenoServeInfo } from "@sansocket/ws/deno";
import { runtime } from "../../support/test.ts";
import { adoptSuite } from "../adopt_suite.ts";

interface DenoServe {
  serve(
    options: { port: number; hostname: string; onListen(): void },
    handler: (request: Request, info: DenoServeInfo) => Response,
  ): { readonly addr: { readonly port: number }; shutdown(): Promise<void> };
}

adoptSuite(
  (options, handler, upgradeOptions) => {
    const sockets = adopt(options);
    const { Deno } = globalThis as unknown as { Deno: DenoServe };
    const server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      (request, info) => sockets.upgrade(request, info, handler, upgradeOptions),
    );
    return { port: server.addr.port, sockets, stop: () => server.shutdown() };
  },
  false,
  runtime === "deno" ? undefined : "it needs Deno",
);
