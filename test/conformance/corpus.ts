// What the messages of the mass cases are made of, the same in every run: text, markup and octets
// from a generator with a fixed seed.

import { Buffer } from "node:buffer";

/** A small generator (mulberry32): quality hardly matters, being the same everywhere does. */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const SIZE = 524_288;
const words =
  ("the of and to in is that for it as was with be by on not he his but at are this have from or had an " +
    "they which one you were her all she there would their we him been has when who will more no if out so said what " +
    "connection message payload fragment opcode masking handshake server client window context extension")
    .split(" ");
const wider =
  ("Grüße straße naïve façade Zürich übermäßig ελληνικά κόσμος Москва привет 日本語 文字列 中文 字符 한국어 " +
    "שלום مرحبا हिन्दी ไทย ☎ ♞ 🎈 🚲 𝄞 e\u0301 ﷺ").split(" ");

function grow(piece: (random: () => number) => string, seed: number): Buffer {
  const random = generator(seed);
  let text = "";
  while (text.length < SIZE) text += piece(random);
  return Buffer.from(text, "utf8").subarray(0, SIZE);
}

function pick(list: readonly string[], random: () => number): string {
  return list[Math.floor(random() * list.length)]!;
}

function sentence(list: readonly string[], random: () => number): string {
  const length = 4 + Math.floor(random() * 12);
  const text = Array.from({ length }, () => pick(list, random)).join(" ");
  return `${text[0]?.toUpperCase()}${text.slice(1)}. `;
}

/** A body of data that messages are cut from. */
export interface Corpus {
  readonly name: string;
  readonly text: boolean;
  readonly bytes: Buffer;
}

/** JSON such as a service would send. */
export const json: Corpus = {
  name: "JSON",
  text: true,
  bytes: grow((random) =>
    `${
      JSON.stringify({
        id: Math.floor(random() * 1e9),
        type: pick(["created", "updated", "deleted"], random),
        user: { name: pick(words, random), active: random() < 0.5 },
        values: [random(), random()].map((value) => Number(value.toFixed(6))),
        text: sentence(words, random),
      })
    },\n`, 1),
};

/** All of them; see section 12. */
export const corpora: readonly Corpus[] = [
  json,
  {
    name: "random octets",
    text: false,
    bytes: ((random) => Buffer.from(Array.from({ length: SIZE }, () => random() * 256)))(
      generator(2),
    ),
  },
  { name: "ASCII prose", text: true, bytes: grow((random) => sentence(words, random), 3) },
  {
    name: "UTF-8 prose",
    text: true,
    bytes: grow((random) => sentence(random() < 0.3 ? words : wider, random), 4),
  },
  {
    name: "HTML",
    text: true,
    bytes: grow(
      (random) =>
        `<li class="${pick(words, random)}"><a href="/${pick(words, random)}/${
          Math.floor(random() * 1000)
        }">${sentence(words, random)}</a></li>\n`,
      5,
    ),
  },
];

/** The UTF-8 prose, for the messages of section 9 that are text. */
export const prose: Corpus = corpora[3]!;

/** Data without a pattern, for those that are binary. */
export const noise: Corpus = corpora[1]!;

/** `count` messages of `size` octets, each cut from another place. Text is cut between characters and filled with "*". */
export function messages({ text, bytes }: Corpus, size: number, count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => {
    const message = Buffer.alloc(size, "*");
    let at = text ? boundary(bytes, (index * 7919) % SIZE) : (index * 7919) % SIZE;
    let filled = 0;
    while (filled < size) {
      let end = Math.min(at + size - filled, SIZE);
      if (text && end < SIZE) end = boundary(bytes, end);
      if (text && end === SIZE) end = boundary(bytes, SIZE - 4);
      if (end <= at) break;
      filled += bytes.copy(message, filled, at, end);
      at = 0;
    }
    return message;
  });
}

/** The start of the character that the octet at `at` belongs to. */
function boundary(bytes: Buffer, at: number): number {
  let start = at;
  while (start > 0 && (bytes[start]! & 0xc0) === 0x80) start--;
  return start;
}
