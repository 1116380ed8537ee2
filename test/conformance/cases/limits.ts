// Sections 9 and 10: large messages whole, in fragments and in small writes, and many of them.

import { Buffer } from "node:buffer";
import type { Case, Scale } from "../case.ts";
import { Opcode } from "../codec.ts";
import { messages, noise, prose } from "../corpus.ts";
import { exchange } from "../mass.ts";
import { answers, fragments } from "../judge.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const PATIENT = 60_000;

const wholes = [64 * KiB, 256 * KiB, MiB, 4 * MiB, 8 * MiB, 16 * MiB];
const pieces = [64, 256, KiB, 4 * KiB, 16 * KiB, 64 * KiB, 256 * KiB, MiB, 4 * MiB];
const writes = [64, 128, 256, 512, 1024, 2048];
const trips = [0, 16, 64, 256, 1024, 4096];

/** A size in words. */
export function sizeName(octets: number): string {
  if (octets >= MiB && octets % MiB === 0) return `${octets / MiB} MiB`;
  if (octets >= KiB && octets % KiB === 0) return `${octets / KiB} KiB`;
  return `${octets} octets`;
}

function message(isText: boolean, size: number): Buffer {
  return messages(isText ? prose : noise, size, 1)[0] ?? Buffer.alloc(0);
}

function kinds(isText: boolean, scale: Scale): Case[] {
  const name = isText ? "text" : "binary message";
  const opcode = isText ? Opcode.text : Opcode.binary;
  const section = (first: number): string => `9.${isText ? first : first + 1}`;
  const echo = (size: number) => ({ opcode, payload: message(isText, size) });
  const largest = Math.min(4 * MiB, scale.maxMessage);
  return [
    ...wholes.map((size, index): Case & { size: number } => ({
      id: `${section(1)}.${index + 1}`,
      title: `A ${name} of ${sizeName(size)}`,
      expectation: "It is echoed.",
      timeout: PATIENT,
      size,
      run: (peer) => answers(peer, [echo(size)], [echo(size)]),
    })).filter(({ size }) => size <= scale.maxMessage).map(({ size: _, ...one }) => one),
    ...pieces.map((size, index): Case => {
      const total = Math.min(largest, size * scale.maxPieces);
      return {
        id: `${section(3)}.${index + 1}`,
        title: `A ${name} of ${sizeName(total)} in fragments of ${sizeName(size)}`,
        expectation: "It is echoed.",
        timeout: PATIENT,
        run(peer) {
          const whole = echo(total);
          return answers(peer, fragments(opcode, whole.payload, size), [whole]);
        },
      };
    }),
    ...writes.map((chop, index): Case => {
      const size = Math.min(MiB, scale.maxMessage / 16, chop * scale.maxPieces);
      return {
        id: `${section(5)}.${index + 1}`,
        title: `A ${name} of ${sizeName(size)} in writes of ${sizeName(chop)}`,
        expectation: "It is echoed.",
        timeout: PATIENT,
        run: (peer) => answers(peer, [echo(size)], [echo(size)], chop),
      };
    }),
    ...trips.map((size, index): Case => ({
      id: `${section(7)}.${index + 1}`,
      title: `${scale.messages} ${name}s of ${sizeName(size)}, one after the other`,
      expectation: "Each is echoed.",
      timeout: PATIENT,
      run: (peer) =>
        exchange(peer, {
          text: isText,
          messages: messages(isText ? prose : noise, size, 16),
          count: scale.messages,
          window: 0,
        }),
    })),
  ];
}

/** Sections 9 and 10. */
export function limits(scale: Scale): Case[] {
  return [...kinds(true, scale), ...kinds(false, scale)].sort(bySection).concat([
    {
      id: "10.1.1",
      title: "A text of 64 KiB in fragments of 1,300 octets",
      expectation: "It is echoed.",
      run(peer) {
        const payload = message(true, 65_536);
        return answers(peer, fragments(Opcode.text, payload, 1300), [{
          opcode: Opcode.text,
          payload,
        }]);
      },
    },
    {
      id: "10.2.1",
      title: "1,000 texts of 16 octets without waiting for an echo",
      expectation: "Each is echoed, in order.",
      timeout: PATIENT,
      run: (peer) =>
        exchange(peer, {
          text: true,
          messages: messages(prose, 16, 16),
          count: 1000,
          window: MiB,
        }),
    },
  ]);
}

function bySection(first: Case, second: Case): number {
  const key = ({ id }: Case): number => {
    const [, group = 0, index = 0] = id.split(".").map(Number);
    return group * 100 + index;
  };
  return key(first) - key(second);
}
