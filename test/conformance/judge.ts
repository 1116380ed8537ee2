// The patterns that nearly all cases follow: send frames, hold what comes back against what must
// come, and end the connection in the way that is due.

import { Buffer } from "node:buffer";
import { OK, type Outcome, outcome, worse } from "./case.ts";
import { bytesOf, type FrameSpec, Opcode } from "./codec.ts";
import { nameOf } from "./log.ts";
import type { Chop, Peer, PeerEvent } from "./peer.ts";

/** What must come back: a message or a Pong. */
export interface Answer {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** Milliseconds for what a peer should do at once but is not failed for: to end TCP. */
const PATIENCE = 3_000;

/** A text frame. */
export function text(payload: Uint8Array | string, more: Partial<FrameSpec> = {}): FrameSpec {
  return { opcode: Opcode.text, payload, ...more };
}

/** A binary frame. */
export function binary(payload: Uint8Array, more: Partial<FrameSpec> = {}): FrameSpec {
  return { opcode: Opcode.binary, payload, ...more };
}

/** A continuation frame, the last one unless told. */
export function continuation(
  payload: Uint8Array | string,
  more: Partial<FrameSpec> = {},
): FrameSpec {
  return { opcode: Opcode.continuation, payload, ...more };
}

/** A Ping. */
export function ping(payload: Uint8Array | string, more: Partial<FrameSpec> = {}): FrameSpec {
  return { opcode: Opcode.ping, payload, ...more };
}

/** A Pong. */
export function pong(payload: Uint8Array | string, more: Partial<FrameSpec> = {}): FrameSpec {
  return { opcode: Opcode.pong, payload, ...more };
}

/** A Close frame; without a code its body is empty. */
export function close(code?: number, reason: Uint8Array | string = ""): FrameSpec {
  if (code === undefined) return { opcode: Opcode.close };
  return { opcode: Opcode.close, payload: closeBody(code, reason) };
}

/** The body of a Close frame (section 5.5.1). */
export function closeBody(code: number, reason: Uint8Array | string = ""): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 255]), bytesOf(reason)]);
}

/** Cuts a message into frames of at most `size` octets. */
export function fragments(opcode: number, payload: Buffer, size: number, rsv = 0): FrameSpec[] {
  const frames: FrameSpec[] = [];
  for (let at = 0; at === 0 || at < payload.length; at += size) {
    frames.push({
      opcode: at === 0 ? opcode : Opcode.continuation,
      rsv: at === 0 ? rsv : 0,
      fin: at + size >= payload.length,
      payload: payload.subarray(at, at + size),
    });
  }
  return frames;
}

/** The echo of a text. */
export function textAnswer(payload: Uint8Array | string): Answer {
  return { opcode: Opcode.text, payload: bytesOf(payload) };
}

/** The echo of a binary message. */
export function binaryAnswer(payload: Uint8Array): Answer {
  return { opcode: Opcode.binary, payload: bytesOf(payload) };
}

/** The answer to a Ping. */
export function pongAnswer(payload: Uint8Array | string): Answer {
  return { opcode: Opcode.pong, payload: bytesOf(payload) };
}

/** Sends frames, expects the answers and nothing else, and closes. */
export async function answers(
  peer: Peer,
  frames: readonly FrameSpec[],
  expected: readonly Answer[],
  chop?: Chop,
): Promise<Outcome> {
  await peer.send(frames, chop);
  const found = await expectAnswers(peer, expected);
  return found.verdict === "OK" ? await closeOrderly(peer) : found;
}

/**
 * Expects answers in order. Of Pongs that follow each other all but the last may be missing (section 5.5.3).
 */
export async function expectAnswers(peer: Peer, expected: readonly Answer[]): Promise<Outcome> {
  for (let index = 0; index < expected.length; index++) {
    const event = await peer.next();
    while (
      event.type === "pong" && !isAnswer(event, expected[index]!) &&
      expected[index]?.opcode === Opcode.pong && expected[index + 1]?.opcode === Opcode.pong
    ) index++;
    const wanted = expected[index]!;
    if (!isAnswer(event, wanted)) {
      return outcome("FAILED", `${describe(event)} in place of ${describeAnswer(event, wanted)}`);
    }
  }
  return OK;
}

/** Starts the closing handshake and sees it through (section 7.1.2). */
export async function closeOrderly(peer: Peer): Promise<Outcome> {
  await peer.send([close(1000)]);
  return await expectClose(peer, [1000]);
}

/** Expects the answer to a Close frame that was sent (section 5.5.1), and the end of TCP (section 7.1.1). */
export async function expectClose(
  peer: Peer,
  codes: readonly (number | undefined)[],
): Promise<Outcome> {
  const event = await peer.next();
  if (event.type !== "close") {
    return outcome("FAILED", `${describe(event)} in place of a Close frame`);
  }
  const ended = await expectEnd(peer);
  // Section 5.5.1: the answer "typically" repeats the code.
  return codes.includes(event.code) || event.code === undefined
    ? ended
    : worse(outcome("NON-STRICT", `answered Close ${codes[0]} with Close ${event.code}`), ended);
}

/** Sends frames, expects the answers that are due before the fault, and then that the connection fails. */
export async function fails(
  peer: Peer,
  frames: readonly FrameSpec[],
  codes: readonly number[],
  options: { before?: readonly Answer[]; chop?: Chop } = {},
): Promise<Outcome> {
  await peer.send(frames, options.chop);
  const last = frames.at(-1);
  if (last?.opcode === Opcode.close) {
    // A Close frame that is wrong must not be answered like one that is right.
    const event = await peer.peek();
    const body = bytesOf(last.payload);
    const code = body.length > 1 ? body.readUInt16BE(0) : 1000;
    if (event.type === "close" && [code, 1000, undefined].includes(event.code)) {
      return outcome("FAILED", "answered a Close frame that is wrong like one that is right");
    }
  }
  return await expectFailure(peer, codes, options.before);
}

/**
 * Expects that the other end fails the connection (section 7.1.7).
 *
 * @param codes The close codes that say why.
 * @param before What was sent in good order before the fault, and should be answered.
 */
export async function expectFailure(
  peer: Peer,
  codes: readonly number[],
  before: readonly Answer[] = [],
): Promise<Outcome> {
  let found = OK;
  for (let index = 0;; index++) {
    const event = await peer.next();
    if (event.type === "message" || event.type === "pong") {
      const wanted = before[index];
      if (wanted !== undefined && isAnswer(event, wanted)) continue;
      return outcome("FAILED", `${describe(event)} in place of a failed connection`);
    }
    if (event.type === "timeout") return outcome("FAILED", "the connection was not failed");
    if (event.type === "violation") return outcome("FAILED", event.reason);
    if (index < before.length) {
      found = outcome("NON-STRICT", "failed before what came first was answered");
    }
    if (event.type === "end") {
      return worse(outcome("NON-STRICT", "ended TCP without a Close frame (7.1.7: SHOULD)"), found);
    }
    if (event.code === undefined || !codes.includes(event.code)) {
      const reason = `failed with Close ${event.code ?? "without a code"}, expected ${codes[0]}`;
      found = worse(outcome("NON-STRICT", reason), found);
    }
    await peer.send([close(event.code)]);
    return worse(found, await expectEnd(peer));
  }
}

/** Expects the end of TCP: a server's by itself, a client's once the suite has ended its side. */
export async function expectEnd(peer: Peer): Promise<Outcome> {
  if (peer.under === "client") peer.end();
  for (;;) {
    const event = await peer.next(PATIENCE);
    if (event.type === "end") return OK;
    if (event.type === "timeout") {
      return outcome("NON-STRICT", "did not end TCP after the closing handshake (7.1.1)");
    }
    // Section 5.5.1: no data frame may follow a Close frame.
    return outcome("FAILED", `${describe(event)} after a Close frame`);
  }
}

/** Whether an event is the answer expected. */
export function isAnswer(event: PeerEvent, wanted: Answer): boolean {
  const opcode = event.type === "message" ? event.opcode : event.type === "pong" ? Opcode.pong : -1;
  return opcode === wanted.opcode && "payload" in event && wanted.payload.equals(event.payload);
}

/** An event in words that do not depend on sizes. */
export function describe(event: PeerEvent): string {
  if (event.type === "message") return `${nameOf(event.opcode)} message`;
  if (event.type === "pong") return "Pong";
  if (event.type === "close") return `Close ${event.code ?? "without a code"}`;
  if (event.type === "end") return "end of TCP";
  return event.type === "timeout" ? "nothing" : event.reason;
}

function describeAnswer(event: PeerEvent, { opcode }: Answer): string {
  const name = opcode === Opcode.pong ? "Pong" : `${nameOf(opcode)} message`;
  return name === describe(event) ? `the same with another payload` : `the ${name}`;
}
