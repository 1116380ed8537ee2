// UTF-8 as the table of well-formed sequences says it (Unicode 3-7, RFC 3629 section 4), over a string with one
// character for each octet. Shares nothing with src/.

const SEQUENCES: readonly (readonly string[])[] = [
  ["[\\x00-\\x7f]"],
  ["[\\xc2-\\xdf]", "[\\x80-\\xbf]"],
  ["\\xe0", "[\\xa0-\\xbf]", "[\\x80-\\xbf]"],
  ["[\\xe1-\\xec\\xee\\xef]", "[\\x80-\\xbf]", "[\\x80-\\xbf]"],
  ["\\xed", "[\\x80-\\x9f]", "[\\x80-\\xbf]"],
  ["\\xf0", "[\\x90-\\xbf]", "[\\x80-\\xbf]", "[\\x80-\\xbf]"],
  ["[\\xf1-\\xf3]", "[\\x80-\\xbf]", "[\\x80-\\xbf]", "[\\x80-\\xbf]"],
  ["\\xf4", "[\\x80-\\x8f]", "[\\x80-\\xbf]", "[\\x80-\\xbf]"],
];

const character = new RegExp(SEQUENCES.map((octets) => octets.join("")).join("|"), "y");
const beginnings = SEQUENCES.flatMap((octets) => octets.map((_, i) => octets.slice(0, i).join("")));
const beginning = new RegExp(`^(?:${beginnings.join("|")})$`);

/** One character for each octet. */
export function toLatin1(bytes: Uint8Array): string {
  return Array.from(bytes, (octet) => String.fromCharCode(octet)).join("");
}

/** One octet for each character. */
export function fromLatin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/**
 * Judges octets as the beginning of a text.
 *
 * @returns "complete" or "unfinished" when more may follow, or the number of octets of which the last one is too many.
 */
export function judgeUtf8(bytes: Uint8Array): "complete" | "unfinished" | number {
  const octets = toLatin1(bytes);
  let at = 0;
  while (at < octets.length) {
    character.lastIndex = at;
    const match = character.exec(octets);
    if (match === null) break;
    at += match[0].length;
  }
  const rest = octets.slice(at);
  if (rest === "") return "complete";
  for (let length = 1; length <= rest.length; length++) {
    if (!beginning.test(rest.slice(0, length))) return at + length;
  }
  return "unfinished";
}

/** Decodes a complete text. */
export function decodeNaively(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}
