// The cells of docs/comparison.md that are shown by running the peer: each is a test that is named
// after its row, and says the verdict. test/comparison_test.ts compares the verdicts with the page.

import { encodeFrames } from "../../support/frames.ts";
import type { RawPeer } from "../../support/raw.ts";
import type { RuntimeName } from "../../support/process.ts";
import { runtime, test } from "../../support/test.ts";

/** What a cell says. */
export type Verdict = "yes" | "partly" | "no";

/** Shows the cell of a row, or of several rows alike. */
export type Cell = (
  rows: string | string[],
  verdict: Verdict,
  body: () => void | Promise<void>,
) => void;

/** The cells of a peer that runs on one runtime; on the others they are one test that is skipped. */
export function cellsOf(peer: string, on: RuntimeName): Cell {
  if (runtime === on) {
    return (rows, verdict, body) => {
      for (const row of [rows].flat()) test(`${peer} has "${row}": ${verdict}`, body);
    };
  }
  test(`${peer} has what docs/comparison.md says`, () => {}, { skip: `${peer} runs on ${on}` });
  return () => {};
}

const key = Uint8Array.of(1, 2, 3, 4);

/** Sends a masked frame, as a client does. */
export function sendFrame(peer: RawPeer, opcode: number, text = "", fin = true): void {
  const payload = new TextEncoder().encode(text);
  peer.send(encodeFrames({ opcode, fin, payload, key }));
}

/** Takes a frame with a payload of text. */
export async function takeText(peer: RawPeer): Promise<string> {
  return new TextDecoder().decode((await peer.takeFrame()).payload);
}
