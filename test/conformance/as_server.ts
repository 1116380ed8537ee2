// The suite as a server: a client program under test connects and echoes whatever it receives.
//
// The URLs are those of the Autobahn Testsuite's fuzzing server, so that a client program for one serves the other:
//   /getCaseCount                     a text with the number of cases, then the connection closes
//   /getCaseInfo?case=N               a text with a JSON object of the case's id and description
//   /runCase?case=N&agent=NAME        case N, from 1 on
//   /getCaseStatus?case=N&agent=NAME  a text with a JSON object of the case's behaviour
//   /updateReports?agent=NAME         nothing; the agent has run what it wants to

import type { Buffer } from "node:buffer";
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { type Case, conclude, type Outcome, outcome, type Result, thrown } from "./case.ts";
import { CASE_TIMEOUT } from "./as_client.ts";
import { encodeFrame } from "./codec.ts";
import { agreement, parseExtensions } from "./extension.ts";
import { acceptance, type Head, readHead } from "./handshake.ts";
import { closeOrderly, text } from "./judge.ts";
import { Peer } from "./peer.ts";

const HANDSHAKE_TIMEOUT = 5_000;

/** A suite that waits for client programs. */
export interface FuzzingServer {
  /** Where: "ws://127.0.0.1:9001". */
  readonly url: string;
  /** What each agent's cases came to, in the order they were run. */
  readonly results: ReadonlyMap<string, readonly Result[]>;
  /** Stops. */
  close(): Promise<void>;
}

/**
 * Starts the suite as a server.
 *
 * @param cases The cases; those for a server are left out.
 * @param report Told of each result as it comes, with the agent's name.
 */
export function startFuzzingServer(
  cases: readonly Case[],
  report: (agent: string, result: Result) => void = () => {},
  port = 0,
): Promise<FuzzingServer> {
  const chosen = cases.filter(({ role }) => role !== "server");
  const results = new Map<string, Result[]>();
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, async (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => socket.destroy());
    try {
      await answer(socket, await readHead(socket, HANDSHAKE_TIMEOUT));
    } catch {
      // Whoever does not finish a handshake has run no case.
      socket.destroy();
    }
  });

  async function answer(socket: Socket, head: Head): Promise<void> {
    const url = new URL(head.start.split(" ")[1] ?? "/", "ws://localhost");
    const number = Number(url.searchParams.get("case"));
    const agent = url.searchParams.get("agent") ?? "unknown";
    const one = chosen[number - 1];
    if (url.pathname === "/runCase" && one !== undefined) {
      const result = await testOne(socket, head, one);
      results.set(agent, [...results.get(agent) ?? [], result]);
      return report(agent, result);
    }
    const status = results.get(agent)?.filter(({ id }) => id === one?.id).at(-1);
    const replies: Record<string, string | undefined> = {
      "/getCaseCount": String(chosen.length),
      "/getCaseInfo": one && JSON.stringify({ id: one.id, description: one.title }),
      "/getCaseStatus": JSON.stringify({ behavior: status?.verdict ?? "UNIMPLEMENTED" }),
    };
    socket.write(acceptance(head, undefined));
    const peer = openPeer(socket, head.rest, { timeout: CASE_TIMEOUT });
    const reply = replies[url.pathname];
    if (reply !== undefined) await peer.send([text(reply)]);
    await closeOrderly(peer);
    peer.destroy();
  }

  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(port, "127.0.0.1", () => {
      resolve({
        url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
        results,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            for (const socket of sockets) socket.destroy();
          }),
      });
    });
  });
}

function openPeer(
  socket: Socket,
  rest: Buffer,
  options: ConstructorParameters<typeof Peer>[2],
): Peer {
  const peer = new Peer(socket, "client", options);
  peer.receive(rest);
  socket.resume();
  return peer;
}

async function testOne(socket: Socket, head: Head, one: Case): Promise<Result> {
  const started = performance.now();
  let peer: Peer | undefined;
  let found: Outcome;
  try {
    const offer = head.fields.get("sec-websocket-extensions") ?? "";
    const offers = parseExtensions(offer);
    const extensions = one.negotiation?.answer(offers);
    const early = (one.early ?? []).map((frame) => encodeFrame(frame, false));
    socket.cork();
    socket.write(acceptance(head, extensions));
    for (const frame of early) socket.write(frame);
    socket.uncork();
    const [extension] = parseExtensions(extensions ?? "");
    const agreed = extension && !one.negotiation?.judged ? agreement(extension) : undefined;
    const timeout = one.timeout ?? CASE_TIMEOUT;
    peer = openPeer(socket, head.rest, { agreement: agreed, timeout });
    if (one.negotiation !== undefined) peer.log.add(`offered "${offer}"`);
    if (one.negotiation !== undefined && extensions === undefined) {
      await closeOrderly(peer);
      found = outcome("UNIMPLEMENTED", "the offer does not allow these parameters");
    } else found = await one.run(peer);
  } catch (error) {
    found = thrown(error);
  }
  return conclude(one, found, peer, started);
}
