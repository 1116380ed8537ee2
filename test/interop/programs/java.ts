// The JDK's java.net.http.WebSocket as a peer; the JDK has no WebSocket server.

import { findExecutable } from "../../support/process.ts";
import type { PeerClient } from "../peer.ts";
import { clientProgram } from "./lines.ts";

const java = findExecutable(["java"]);

/** The client of the JDK. */
export const javaClient: PeerClient = clientProgram({
  name: "java.net.http's client",
  cannot: { compression: "java.net.http knows no extensions" },
  program: { missing: java && findExecutable(["javac"]) ? undefined : "no JDK" },
  command: () =>
    Promise.resolve({
      // Most of its time is the start, which one compiler thread makes shorter.
      command: [java ?? "java", "-XX:TieredStopAtLevel=1", "test/interop/programs/Peer.java"],
    }),
});
