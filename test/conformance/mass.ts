// Many messages on one connection, each echo compared with what was sent.

import type { Buffer } from "node:buffer";
import { OK, type Outcome, outcome } from "./case.ts";
import { type FrameSpec, Opcode } from "./codec.ts";
import { closeOrderly, fragments, isAnswer } from "./judge.ts";
import { describe } from "./judge.ts";
import type { Peer } from "./peer.ts";

/** What to send how often. */
export interface Mass {
  readonly text: boolean;
  /** Sent in turn, from the first again after the last. */
  readonly messages: readonly Buffer[];
  readonly count: number;
  /** Octets that may be under way; 0 waits for each echo before the next message. */
  readonly window: number;
  /** Octets of a fragment; messages are not fragmented unless told. */
  readonly fragment?: number;
  readonly compress?: boolean;
}

/** Sends all, expects all echoes in order, and closes. */
export async function exchange(peer: Peer, mass: Mass): Promise<Outcome> {
  const { messages, count, window } = mass;
  const opcode = mass.text ? Opcode.text : Opcode.binary;
  const payloads = mass.compress ? peer.compressCycle(messages, count) : undefined;
  const plain = (index: number): Buffer => messages[index % messages.length]!;
  let sent = 0;
  let underWay = 0;
  for (let received = 0; received < count; received++) {
    const batch: FrameSpec[] = [];
    while (sent < count && (sent === received || underWay + plain(sent).length <= window)) {
      const payload = payloads === undefined ? plain(sent) : payloads[sent]!;
      const rsv = payloads === undefined ? 0 : 4;
      batch.push(...fragments(opcode, payload, mass.fragment ?? Infinity, rsv));
      underWay += plain(sent++).length;
    }
    if (batch.length > 0) await peer.send(batch);
    const event = await peer.next();
    const payload = plain(received);
    if (!isAnswer(event, { opcode, payload })) {
      const where = count === 1 ? "" : ` for message ${received + 1} of ${count}`;
      const what = event.type === "message" ? "another message" : describe(event);
      return outcome("FAILED", `${what} in place of the echo${where}`);
    }
    underWay -= payload.length;
  }
  const closed = await closeOrderly(peer);
  return closed.verdict === "OK" ? OK : closed;
}
