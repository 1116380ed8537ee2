// Messages of any size and kind, the same in each run.

import type { Kind } from "../scenarios.ts";

/** Characters of one to four octets of UTF-8. */
const MIXED = ["a", "Z", " ", "é", "Ж", "€", "中", "😀"];

const encoder = new TextEncoder();

/** xorshift32: good enough to make payloads that differ. */
function createRandom(seed: number): () => number {
  let state = seed * 2_654_435_761 >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/**
 * Makes a message.
 *
 * @param kind What of.
 * @param size Octets, exactly.
 * @param seed Another one gives another message.
 * @returns Its octets; of a text, in UTF-8.
 */
export function createPayload(
  kind: Kind,
  size: number,
  seed: number,
): Uint8Array<ArrayBuffer> {
  const random = createRandom(seed + 1);
  if (kind === "binary") return Uint8Array.from({ length: size }, () => random() & 255);
  if (kind === "json") return encoder.encode(json(random, size));
  const bytes = new Uint8Array(size);
  let end = 0;
  if (kind === "utf8") {
    for (;;) {
      const character = encoder.encode(MIXED[random() % MIXED.length]!);
      if (end + character.length > size) break;
      bytes.set(character, end);
      end += character.length;
    }
  }
  // Printable ASCII.
  for (; end < size; end++) bytes[end] = 32 + random() % 95;
  return bytes;
}

/** Records as an API sends them. */
function json(random: () => number, size: number): string {
  let text = "";
  while (text.length < size) {
    const id = random() % 100_000;
    const record = { id, name: `user ${id % 997}`, active: id % 3 === 0, score: id % 1009 / 8 };
    text += `${text === "" ? "[" : ","}${JSON.stringify(record)}`;
  }
  return text.slice(0, size);
}
