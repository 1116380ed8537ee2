// DEFLATE as RFC 1951 section 3.2 has it, one bit at a time, as strict as zlib is about sets of codes.
//
// 1. A message is judged with the four octets that are not sent (RFC 7692 section 7.2.2): its blocks must end with them,
//    or with a final block in the message itself, behind which another stream may follow (section 7.2.3.4).
// 2. A message that is both too long and invalid may be refused as either: who inflates need not look further.

/** What a message inflates to. */
export interface NaiveInflated {
  /** The plain octets, as far as they were read. */
  readonly plain: Uint8Array;
  /** What is wrong, in any order; empty when nothing is. */
  readonly faults: readonly ("too long" | "invalid")[];
  /** Final blocks that something stands behind. */
  readonly starts: number;
}

/** What the library lets a message spend on starting again behind a final block: see runtimes/shared/zlib_blocks.ts. */
const START = 3_072;
const WINDOW = 32_768;
const HALF_RATIO = 516;
/** Reading stops here: a bomb of a few octets fills memory otherwise. */
const STOP = 110_000;

const TAIL = [0x00, 0x00, 0xff, 0xff];
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

class Invalid extends Error {}
class CutShort extends Error {}
class Stopped extends Error {}

/** The code of each symbol as a string of bits. */
type Codes = ReadonlyMap<string, number>;

/** Section 3.2.2; `lone` allows one code of one bit, and no code at all, as zlib does. */
function assign(lengths: readonly number[], lone: boolean): Codes {
  const codes = new Map<string, number>();
  let code = 0;
  for (let length = 1; length <= 15; length++) {
    lengths.forEach((of, symbol) => {
      if (of === length) codes.set((code++).toString(2).padStart(length, "0"), symbol);
    });
    if (code > 2 ** length) throw new Invalid("More codes than there is room for");
    code *= 2;
  }
  const longest = Math.max(...lengths);
  if (code < 2 ** 16 && !(lone && longest <= 1)) throw new Invalid("Codes are missing");
  return codes;
}

const FIXED = assign(
  Array.from({ length: 288 }, (_, i) => i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8),
  false,
);
const FIXED_DISTANCES = assign(new Array<number>(32).fill(5), false);

/** Reads the blocks of one message. */
class Reader {
  readonly #data: readonly number[];
  readonly #output: number[];
  readonly #start: number;
  /** In bits. */
  position = 0;

  constructor(data: readonly number[], history: Uint8Array) {
    this.#data = data;
    this.#output = [...history];
    this.#start = history.length;
  }

  get plain(): Uint8Array {
    return Uint8Array.from(this.#output.slice(this.#start));
  }

  bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++, this.position++) {
      const octet = this.#data[this.position >> 3];
      if (octet === undefined) throw new CutShort();
      value += ((octet >> (this.position & 7)) & 1) * 2 ** i;
    }
    return value;
  }

  align(): void {
    this.position = Math.ceil(this.position / 8) * 8;
  }

  /** Reads one block; returns whether BFINAL was set. */
  block(): boolean {
    const final = this.bits(1) === 1;
    const type = this.bits(2);
    if (type === 0) this.#stored();
    else if (type === 1) this.#compressed(FIXED, FIXED_DISTANCES);
    else if (type === 2) this.#dynamic();
    else throw new Invalid("Reserved block type");
    if (final) this.align();
    return final;
  }

  #put(octet: number): void {
    this.#output.push(octet);
    if (this.#output.length - this.#start > STOP) throw new Stopped();
  }

  #stored(): void {
    this.align();
    const length = this.bits(16);
    if (length + this.bits(16) !== 0xffff) throw new Invalid("Length and complement differ");
    for (let i = 0; i < length; i++) this.#put(this.bits(8));
  }

  #symbol(codes: Codes): number {
    let code = "";
    while (code.length < 15) {
      code += this.bits(1);
      const symbol = codes.get(code);
      if (symbol !== undefined) return symbol;
    }
    throw new Invalid("No such code");
  }

  #dynamic(): void {
    const literals = this.bits(5) + 257;
    const distances = this.bits(5) + 1;
    const given = this.bits(4) + 4;
    if (literals > 286 || distances > 30) throw new Invalid("Too many symbols");
    const ofLengths = new Array<number>(19).fill(0);
    for (const symbol of ORDER.slice(0, given)) ofLengths[symbol] = this.bits(3);
    const codes = assign(ofLengths, false);
    const lengths: number[] = [];
    while (lengths.length < literals + distances) {
      const symbol = this.#symbol(codes);
      if (symbol < 16) {
        lengths.push(symbol);
        continue;
      }
      const repeated = symbol === 16 ? lengths.at(-1) : 0;
      if (repeated === undefined) throw new Invalid("Nothing to repeat");
      const [width, least] = [[2, 3], [3, 3], [7, 11]][symbol - 16]!;
      for (let i = this.bits(width!) + least!; i > 0; i--) lengths.push(repeated);
    }
    if (lengths.length > literals + distances) throw new Invalid("Repeated too often");
    if (lengths[256] === 0) throw new Invalid("No end of block");
    const ofLiterals = assign(lengths.slice(0, literals), true);
    this.#compressed(ofLiterals, assign(lengths.slice(literals), true));
  }

  #compressed(literals: Codes, distances: Codes): void {
    for (;;) {
      const symbol = this.#symbol(literals);
      if (symbol === 256) return;
      if (symbol < 256) this.#put(symbol);
      else this.#match(symbol, distances);
    }
  }

  #match(symbol: number, distances: Codes): void {
    if (symbol > 285) throw new Invalid("No such length");
    const length = symbol === 285 ? 258 : this.#extended(symbol - 257, 2, 3);
    const code = this.#symbol(distances);
    if (code > 29) throw new Invalid("No such distance");
    const distance = this.#extended(code, 1, 1);
    if (distance > this.#output.length) throw new Invalid("Reaches too far back");
    for (let i = 0; i < length; i++) this.#put(this.#output[this.#output.length - distance]!);
  }

  /** The tables of section 3.2.5: `2 ** low` codes for each number of extra bits. */
  #extended(code: number, low: number, base: number): number {
    const group = 2 ** low;
    if (code < 2 * group) return base + code;
    const extra = Math.floor(code / group) - 1;
    return base + (group + code % group) * 2 ** extra + this.bits(extra);
  }
}

/** Inflates the payload of a message. */
export function inflateNaively(
  payload: Uint8Array,
  history: Uint8Array,
  maxLength: number,
): NaiveInflated {
  const reader = new Reader([...payload, ...TAIL], history);
  const ends = payload.length * 8;
  const faults: ("too long" | "invalid")[] = [];
  let starts = 0;
  try {
    let budget = START + WINDOW + Math.min(HALF_RATIO * payload.length, maxLength / 2);
    // What is empty is taken as an empty message.
    while (payload.length > 0 && reader.position < ends + TAIL.length * 8) {
      if (!reader.block()) continue;
      if (reader.position > ends) throw new Invalid("A final block ends behind the message");
      if (reader.position === ends) break;
      const rest = payload.subarray(reader.position / 8);
      if (rest.length === 1 && rest[0] === 0) continue;
      starts++;
      budget -= START + Math.min(WINDOW, history.length + reader.plain.length);
      if (budget < 0) throw new Invalid("Too many final blocks");
    }
  } catch (error) {
    // Whoever takes what stands behind a message for data may find it too long.
    if (error instanceof Stopped || error instanceof CutShort) faults.push("too long");
    else if (!(error instanceof Invalid)) throw error;
    faults.push("invalid");
  }
  const { plain } = reader;
  if (plain.length > maxLength && !faults.includes("too long")) faults.push("too long");
  return { plain, faults, starts };
}
