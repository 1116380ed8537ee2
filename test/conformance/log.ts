// What was seen on a connection, in words: the first few lines of it, with repetitions counted.

import { Opcode } from "./codec.ts";

const LINES = 12;

/** The name of an opcode; undefined for a reserved one. */
export function nameOf(opcode: number): string | undefined {
  return Object.entries(Opcode).find(([, value]) => value === opcode)?.[0];
}

/** What was seen on a connection. */
export class Log {
  readonly #lines: { text: string; count: number }[] = [];
  #more = 0;

  /** Adds one thing seen. */
  add(text: string): void {
    const last = this.#lines.at(-1);
    if (last?.text === text) last.count++;
    else if (this.#lines.length < LINES) this.#lines.push({ text, count: 1 });
    else this.#more++;
  }

  /** All of it in one line. */
  toString(): string {
    const lines = this.#lines.map(({ text, count }) => count > 1 ? `${count} × ${text}` : text);
    if (this.#more > 0) lines.push(`${this.#more} more`);
    return lines.join("; ") || "nothing";
  }
}
