// What a case is, and what comes of one.

import type { FrameSpec } from "./codec.ts";
import type { Extension } from "./extension.ts";
import type { Peer } from "./peer.ts";

/** Which end is under test. */
export type Role = "server" | "client";

/** How a case ended, in the words of the Autobahn Testsuite. */
export type Verdict = "OK" | "NON-STRICT" | "INFORMATIONAL" | "UNIMPLEMENTED" | "FAILED";

/** All verdicts, the best first. */
export const verdicts: readonly Verdict[] = [
  "OK",
  "INFORMATIONAL",
  "NON-STRICT",
  "UNIMPLEMENTED",
  "FAILED",
];

/** What a case found. */
export interface Outcome {
  readonly verdict: Verdict;
  /** Why the verdict is not OK, in a form that is the same for the same defect. */
  readonly reason?: string;
}

/** What is negotiated about compression before a case. */
export interface Negotiation {
  /** The value of Sec-WebSocket-Extensions that a server under test is sent. */
  readonly offer: string;
  /** What a client under test is answered; undefined when its offer does not allow that. */
  readonly answer: (offers: readonly Extension[]) => string | undefined;
  /** Whether it is the negotiation itself that is judged: the case then runs whatever was agreed. */
  readonly judged?: boolean;
  /** Whether the offer is so wrong that a server may refuse the handshake, though it should not. */
  readonly refusable?: boolean;
}

/** One case. */
export interface Case {
  /** Numbered in the manner of the Autobahn Testsuite. */
  readonly id: string;
  readonly title: string;
  /** One sentence. */
  readonly expectation: string;
  /** For one end only. */
  readonly role?: Role;
  /** Milliseconds until the case is given up. */
  readonly timeout?: number;
  readonly negotiation?: Negotiation;
  /** Frames that are sent in one segment with the handshake's head. */
  readonly early?: readonly FrameSpec[];
  run(peer: Peer): Promise<Outcome>;
}

/** A case and what came of it. */
export interface Result extends Outcome {
  readonly id: string;
  readonly title: string;
  readonly expectation: string;
  /** What the end under test sent. */
  readonly seen: string;
  readonly milliseconds: number;
}

/** The choice between a quick and a complete run. */
export interface Scale {
  /** Messages of a mass case. */
  readonly messages: number;
  /** The most plain octets of a mass case; fewer messages are sent of a size that would exceed it. */
  readonly massOctets: number;
  /** The fewest messages of a mass case, however large they are. */
  readonly leastMessages: number;
  /** The largest message. */
  readonly maxMessage: number;
  /** The most fragments or writes of a message. */
  readonly maxPieces: number;
}

/** The verdict of a case in which all was as expected. */
export const OK: Outcome = { verdict: "OK" };

/** A verdict other than OK. */
export function outcome(verdict: Verdict, reason: string): Outcome {
  return { verdict, reason };
}

/** The worse of two outcomes; the first of two equal ones. */
export function worse(first: Outcome, second: Outcome): Outcome {
  return verdicts.indexOf(second.verdict) > verdicts.indexOf(first.verdict) ? second : first;
}

/** The result of a case that threw: the handshake failed, or there is a defect in the suite. */
export function thrown(error: unknown): Outcome {
  return outcome("FAILED", error instanceof Error ? error.message : String(error));
}

/** Ends a case. */
export function conclude(
  { id, title, expectation }: Case,
  found: Outcome,
  peer: Peer | undefined,
  started: number,
): Result {
  const seen = peer === undefined ? "no connection" : peer.log.toString();
  peer?.destroy();
  const milliseconds = Math.round(performance.now() - started);
  return { id, title, expectation, ...found, seen, milliseconds };
}
