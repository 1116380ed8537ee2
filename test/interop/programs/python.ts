// Debian's python3-websockets, python3-tornado and python3-gevent-websocket as peers.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { findExecutable } from "../../support/process.ts";
import type { Peer, PeerClient, PeerServer } from "../peer.ts";
import { clientProgram, serverProgram } from "./lines.ts";
import type { Origin } from "./lines.ts";

// Debian's own, which has Debian's packages, before any other that is in the PATH.
const python = existsSync("/usr/bin/python3") ? "/usr/bin/python3" : findExecutable(["python3"]);

/** The client of python3-websockets; with the path of a certificate, it trusts that one. */
export function websocketsClient(authority?: string): PeerClient {
  const args = authority === undefined ? ["client"] : ["client", authority];
  return clientProgram(program("python3-websockets' client", "websockets", args));
}

/** The server of python3-websockets. */
export const websocketsServer: PeerServer = serverProgram(
  program("python3-websockets' server", "websockets", ["server"]),
);

const tornadoCannot = { fragment: "Tornado sends each message in one frame" };

/** The client of python3-tornado. */
export const tornadoClient: PeerClient = clientProgram(
  program("python3-tornado's client", "tornado", ["client"], tornadoCannot),
);

/** The server of python3-tornado. */
export const tornadoServer: PeerServer = serverProgram(
  program("python3-tornado's server", "tornado", ["server"], tornadoCannot),
);

/** python3-gevent-websocket, which has no client. */
export const geventServer: PeerServer = serverProgram(
  program("python3-gevent-websocket's server", "geventwebsocket", [], {
    compression: "gevent-websocket knows no extensions",
    reason: "gevent-websocket sends a Close frame's reason without its code",
  }),
);

function program(
  name: string,
  module: string,
  args: readonly string[],
  cannot: Peer["cannot"] = {},
): Origin {
  const file = `test/interop/programs/${module}_peer.py`;
  return {
    name,
    cannot,
    program: { missing: has(module) ? undefined : `no Python with the module ${module}` },
    // Without -B there would be a folder of compiled modules in the working tree.
    command: () => Promise.resolve({ command: [python ?? "python3", "-B", file, ...args] }),
  };
}

function has(module: string): boolean {
  const find = "import importlib.util as i, sys; sys.exit(i.find_spec(sys.argv[1]) is None)";
  return python !== undefined && spawnSync(python, ["-c", find, module]).status === 0;
}
