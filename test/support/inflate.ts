// DEFLATE read bit by bit, straight from RFC 1951 section 3.2, as the plain twin of the library's zlib. It also tells how
// far back the matches reach, which zlib does not.

interface Inflated {
  /** The plain bytes, without the history. */
  readonly plain: Uint8Array;
  /** The farthest distance of a match. */
  readonly farthest: number;
}

const LENGTHS = [
  ...[3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31],
  ...[35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258],
];
const DISTANCES = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769]
  .concat([1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577]);
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** The extra bits of a length code. */
const lengthBits = (code: number): number => code < 4 || code === 28 ? 0 : (code >> 2) - 1;
/** The extra bits of a distance code. */
const distanceBits = (code: number): number => code < 2 ? 0 : (code >> 1) - 1;

/** "length code" to symbol, with the code as a number behind a leading 1. */
type Codes = ReadonlyMap<number, number>;

/** Assigns codes to lengths (section 3.2.2). */
function assign(lengths: readonly number[]): Codes {
  const codes = new Map<number, number>();
  let code = 0;
  for (let length = 1; length <= 15; length++) {
    lengths.forEach((of, symbol) => {
      if (of === length) codes.set((1 << length) | code++, symbol);
    });
    code <<= 1;
  }
  return codes;
}

const FIXED = assign(
  Array.from({ length: 288 }, (_, i) => i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8),
);
const FIXED_DISTANCES = assign(Array.from({ length: 30 }, () => 5));

/**
 * Inflates the payload of a message that ends at a sync flush.
 *
 * @param payload The payload, without the final 00 00 ff ff.
 * @param history The plain bytes before it.
 * @throws {Error} When the payload is not DEFLATE or does not end where it should.
 */
export function naiveInflate(
  payload: Uint8Array,
  history: Uint8Array = new Uint8Array(),
): Inflated {
  const data = [...payload, 0, 0, 0xff, 0xff];
  const output = [...history];
  let position = 0;
  let farthest = 0;
  const bits = (count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i++, position++) {
      const octet = data[position >> 3];
      if (octet === undefined) throw new Error("Data is cut short");
      value |= ((octet >> (position & 7)) & 1) << i;
    }
    return value;
  };
  const symbol = (codes: Codes): number => {
    let code = 1;
    while (code < 1 << 16) {
      code = (code << 1) | bits(1);
      const found = codes.get(code);
      if (found !== undefined) return found;
    }
    throw new Error("No such code");
  };
  const copy = (code: number, distances: Codes): void => {
    const length = LENGTHS[code]! + bits(lengthBits(code));
    const distanceCode = symbol(distances);
    const distance = DISTANCES[distanceCode]! + bits(distanceBits(distanceCode));
    if (distance > output.length) throw new Error(`Distance ${distance} reaches too far back`);
    farthest = Math.max(farthest, distance);
    for (let i = 0; i < length; i++) output.push(output[output.length - distance]!);
  };
  const compressed = (literals: Codes, distances: Codes): void => {
    for (let code = symbol(literals); code !== 256; code = symbol(literals)) {
      if (code < 256) output.push(code);
      else copy(code - 257, distances);
    }
  };
  const readCodes = (): [Codes, Codes] => {
    const [literals, distances, count] = [bits(5) + 257, bits(5) + 1, bits(4) + 4];
    const codeLengths = new Array<number>(19).fill(0);
    for (let i = 0; i < count; i++) codeLengths[ORDER[i]!] = bits(3);
    const codes = assign(codeLengths);
    const lengths: number[] = [];
    while (lengths.length < literals + distances) {
      const code = symbol(codes);
      if (code < 16) lengths.push(code);
      else {
        const repeated = code === 16 ? lengths.at(-1)! : 0;
        const times = code === 16 ? 3 + bits(2) : code === 17 ? 3 + bits(3) : 11 + bits(7);
        for (let i = 0; i < times; i++) lengths.push(repeated);
      }
    }
    return [assign(lengths.slice(0, literals)), assign(lengths.slice(literals))];
  };
  while (position < data.length * 8) {
    // BFINAL ends nothing here: a message may go on behind it (RFC 7692 section 7.2.3.4).
    const final = bits(1);
    const type = bits(2);
    if (type === 0) {
      position = (position + 7) & ~7;
      const length = bits(16);
      if ((bits(16) ^ length) !== 0xffff) throw new Error("Length and complement differ");
      for (let i = 0; i < length; i++) output.push(bits(8));
    } else if (type === 1) compressed(FIXED, FIXED_DISTANCES);
    else if (type === 2) compressed(...readCodes());
    else throw new Error("Reserved block type");
    if (final) position = (position + 7) & ~7;
  }
  return { plain: Uint8Array.from(output.slice(history.length)), farthest };
}
