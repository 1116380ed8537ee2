// Octet sequences and whether they are UTF-8 (RFC 3629), in the groups of Markus Kuhn's decoder test.
// Each row: the section, what its sequences are, which of them are valid, and the sequences.

/** A group of sequences. */
export interface Group {
  readonly section: string;
  readonly name: string;
  readonly sequences: readonly { readonly hex: string; readonly valid: boolean }[];
}

const kosme = "ce ba e1 bd b9 cf 83 ce bc ce b5".split(" ");
/** Where a prefix of it ends between two characters. */
const kosmeBoundaries = [2, 5, 7, 9, 11];

function all(valid: boolean, sequences: string): Group["sequences"] {
  return sequences.split(",").map((hex) => ({ hex: hex.replaceAll(/\s/g, ""), valid }));
}

function lonely(first: number, last: number): string {
  const octets = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  return octets.map((octet) => `${octet.toString(16)}20`).join("");
}

function nonCharacters(): string {
  const planes = Array.from({ length: 17 }, (_, plane) => plane);
  return planes
    .flatMap((plane) => [plane * 0x10000 + 0xfffe, plane * 0x10000 + 0xffff])
    .map((code) =>
      [...new TextEncoder().encode(String.fromCodePoint(code))]
        .map((octet) => octet.toString(16).padStart(2, "0")).join("")
    )
    .join(",");
}

/** All groups. */
export const groups: readonly Group[] = [
  { section: "6.5", name: "a Greek word", sequences: all(true, kosme.join("")) },
  {
    section: "6.6",
    name: "a prefix of a Greek word",
    sequences: kosme.map((_, index) => ({
      hex: kosme.slice(0, index + 1).join(""),
      valid: kosmeBoundaries.includes(index + 1),
    })),
  },
  {
    section: "6.7",
    name: "the first sequence of a length",
    sequences: all(true, "00,c280,e0a080,f0908080"),
  },
  {
    section: "6.8",
    name: "the first sequence of 5 or 6 octets",
    sequences: all(false, "f888808080,fc8480808080"),
  },
  {
    section: "6.9",
    name: "the last sequence of a length",
    sequences: all(true, "7f,dfbf,efbfbf,f48fbfbf"),
  },
  {
    section: "6.10",
    name: "the last sequence of 4, 5 or 6 octets, out of range",
    sequences: all(false, "f7bfbfbf,fbbfbfbfbf,fdbfbfbfbfbf"),
  },
  {
    section: "6.11",
    name: "at a boundary",
    sequences: [...all(true, "ed9fbf,ee8080,efbfbd,f48fbfbf"), ...all(false, "f4908080")],
  },
  {
    section: "6.12",
    name: "continuation octets without a start",
    sequences: all(
      false,
      "80,bf,80bf,80bf80,80bf80bf,80bf80bf80,80bf80bf80bf," +
        Array.from({ length: 64 }, (_, index) => (0x80 + index).toString(16)).join(""),
    ),
  },
  {
    section: "6.13",
    name: "start octets, each with a space behind it",
    sequences: all(
      false,
      [
        lonely(0xc0, 0xdf),
        lonely(0xe0, 0xef),
        lonely(0xf0, 0xf7),
        lonely(0xf8, 0xfb),
        lonely(0xfc, 0xfd),
      ].join(","),
    ),
  },
  {
    section: "6.14",
    name: "without the last octet",
    sequences: all(
      false,
      "c0,e080,f08080,f8808080,fc80808080,df,efbf,f7bfbf,fbbfbfbf,fdbfbfbfbf",
    ),
  },
  {
    section: "6.15",
    name: "incomplete sequences one behind the other",
    sequences: all(false, "c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf"),
  },
  { section: "6.16", name: "octets that never occur", sequences: all(false, "fe,ff,fefeffff") },
  {
    section: "6.17",
    name: "an overlong solidus",
    sequences: all(false, "c0af,e080af,f08080af,f8808080af,fc80808080af"),
  },
  {
    section: "6.18",
    name: "the largest overlong form of a length",
    sequences: all(false, "c1bf,e09fbf,f08fbfbf,f887bfbfbf,fc83bfbfbfbf"),
  },
  {
    section: "6.19",
    name: "an overlong NUL",
    sequences: all(false, "c080,e08080,f0808080,f880808080,fc8080808080"),
  },
  {
    section: "6.20",
    name: "a surrogate",
    sequences: all(false, "eda080,edadbf,edae80,edafbf,edb080,edbe80,edbfbf"),
  },
  {
    section: "6.21",
    name: "a pair of surrogates",
    sequences: all(
      false,
      "eda080edb080,eda080edbfbf,edadbfedb080,edadbfedbfbf," +
        "edae80edb080,edae80edbfbf,edafbfedb080,edafbfedbfbf",
    ),
  },
  { section: "6.22", name: "a non-character", sequences: all(true, nonCharacters()) },
  {
    section: "6.23",
    name: "a special",
    sequences: all(true, "efbfb9,efbfba,efbfbb,efbfbc,efbfbd,efbfbe,efbfbf"),
  },
];
