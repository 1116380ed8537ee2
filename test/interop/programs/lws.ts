// libwebsockets as a peer: lws_peer.c, compiled by each test that uses it.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findExecutable, root, run } from "../../support/process.ts";
import type { PeerClient, PeerServer } from "../peer.ts";
import { clientProgram, serverProgram } from "./lines.ts";
import type { Origin } from "./lines.ts";

const compiler = findExecutable(["cc", "gcc", "clang"]);

/** The client of libwebsockets. */
export const lwsClient: PeerClient = clientProgram({
  ...program("client"),
  cannot: { answer: "it ends TCP behind its Close frame, and resets it where the answer has come" },
  compression: {
    options: { threshold: 0 },
    cannot: { ping: "a Pong is not compressed either" },
    why: "libwebsockets 4.1 reports a message that is not compressed again and again, without end",
  },
});

/** The server of libwebsockets. */
export const lwsServer: PeerServer = serverProgram({
  ...program("server"),
  cannot: { body: "libwebsockets wraps a refusal's text in a page of its own" },
  compression: {
    options: { threshold: 0 },
    why: "more messages are compressed that way",
  },
});

function program(role: "client" | "server"): Origin {
  return {
    name: `libwebsockets' ${role}`,
    cannot: {},
    program: { missing: missing() },
    async command() {
      const folder = await mkdtemp(join(tmpdir(), "sansocket-lws-"));
      const binary = join(folder, "peer");
      const source = join(root, "test/interop/programs/lws_peer.c");
      const options = ["-O1", "-Wall", "-D_GNU_SOURCE", "-o", binary, source];
      const child = run([compiler ?? "cc", ...options, "-lwebsockets", "-lpthread"]);
      if (await child.exit !== 0) throw new Error(child.output());
      return {
        command: [binary, role],
        dispose: () => rm(folder, { recursive: true, force: true }),
      };
    },
  };
}

function missing(): string | undefined {
  if (!compiler) return "no C compiler";
  if (existsSync("/usr/include/libwebsockets.h")) return undefined;
  const source = spawnSync(compiler, ["-E", "-"], { input: "#include <libwebsockets.h>" });
  return source.status === 0 ? undefined : "no libwebsockets.h";
}
