// The suite as a client: a server under test is expected to echo at a URL.

import { Buffer } from "node:buffer";
import { type Case, conclude, type Outcome, outcome, type Result, thrown } from "./case.ts";
import { encodeFrame } from "./codec.ts";
import { judgeAnswer } from "./extension.ts";
import { dial, Refusal } from "./handshake.ts";
import { Peer } from "./peer.ts";

const HANDSHAKE_TIMEOUT = 5_000;

/** Milliseconds for a case that does not say. */
export const CASE_TIMEOUT = 10_000;

/**
 * Runs cases one after the other against a server.
 *
 * @param url A server that echoes.
 * @param cases The cases; those for a client are left out.
 * @param report Told of each result as it comes.
 */
export async function testServer(
  url: URL,
  cases: readonly Case[],
  report: (result: Result) => void = () => {},
): Promise<Result[]> {
  const results: Result[] = [];
  for (const one of cases) {
    if (one.role === "client") continue;
    const result = await testOne(url, one);
    results.push(result);
    report(result);
  }
  return results;
}

async function testOne(url: URL, one: Case): Promise<Result> {
  const started = performance.now();
  const offer = one.negotiation?.offer ?? "";
  const early = Buffer.concat((one.early ?? []).map((frame) => encodeFrame(frame, true)));
  let peer: Peer | undefined;
  let found: Outcome;
  try {
    const { socket, head } = await dial(url, offer, early, HANDSHAKE_TIMEOUT);
    const answer = head.fields.get("sec-websocket-extensions") ?? "";
    const agreed = judgeAnswer(offer, answer);
    const agreement = typeof agreed === "string" ? undefined : agreed;
    peer = new Peer(socket, "server", { agreement, timeout: one.timeout ?? CASE_TIMEOUT });
    if (one.negotiation !== undefined) peer.log.add(`answered "${answer}"`);
    peer.receive(head.rest);
    socket.resume();
    if (typeof agreed === "string") found = outcome("FAILED", agreed);
    else if (one.negotiation && !one.negotiation.judged && agreement === undefined) {
      found = outcome("UNIMPLEMENTED", `declined the offer`);
    } else found = await one.run(peer);
  } catch (error) {
    found = one.negotiation?.refusable && error instanceof Refusal
      ? outcome("NON-STRICT", "refused the handshake in place of the offer")
      : thrown(error);
  }
  return conclude(one, found, peer, started);
}
