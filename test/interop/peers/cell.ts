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

/** Sends fragments without a payload, none of them the last. */
export function sendEmptyFragments(peer: RawPeer, count: number): void {
  const frame = encodeFrames({ opcode: 0, fin: false, payload: new Uint8Array(), key });
  const frames = new Uint8Array(count * frame.length);
  for (let i = 0; i < count; i++) frames.set(frame, i * frame.length);
  peer.send(frames);
}

/** Takes a frame with a payload of text. */
export async function takeText(peer: RawPeer): Promise<string> {
  return new TextDecoder().decode((await peer.takeFrame()).payload);
}

/** Waits until a client of the browsers' interface is open. */
export function opened(ws: WebSocket): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    ws.addEventListener("open", () => resolve(ws));
    ws.addEventListener("close", ({ code }) => reject(new Error(`Closed with ${code}`)));
  });
}

/** The next message of such a client. */
export function messageOf(ws: WebSocket): Promise<unknown> {
  return new Promise((resolve) =>
    ws.addEventListener("message", ({ data }) => resolve(data), { once: true })
  );
}

/** How such a client is closed. */
export function closeOf(ws: WebSocket): Promise<CloseEvent> {
  ws.addEventListener("error", () => {});
  return new Promise((resolve) => ws.addEventListener("close", resolve, { once: true }));
}
