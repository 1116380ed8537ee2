// Plain English: the words and forms that can be held by a rule, in pages, comments and texts.
//
// A page is held line by line as it stands, its samples included. Of code only comments and quoted
// strings are held, which regular expressions find: exact enough for our own code.

import { assertEquals, assertGreater } from "@std/assert";
import { writtenPages } from "../../docs/.vitepress/repository.ts";
import { test } from "../support/test.ts";
import { list, read } from "./sources.ts";

/** The folders, or files, whose comments and strings are held. */
const heldCode: readonly string[] = [
  "examples",
  "src",
  "runtimes",
  "mod.ts",
];

/** The folders, or files, whose module-level constants are held. */
const heldConstants: readonly string[] = ["src", "runtimes"];

interface Ban {
  readonly pattern: RegExp;
  /** What to write in its place. */
  readonly instead: string;
}

/** Words and turns that make a reader look for the actor, or that technical English has given up. */
const bannedWords: readonly Ban[] = [
  { pattern: /\b(?:who|whom)(?:so)?ever\b/i, instead: "the actor: the client, the caller" },
  {
    pattern: /\b(?:some|no|any|every)body\b/i,
    instead: "the actor, or each client, no handler, any program",
  },
  { pattern: /\bwhatever\b/i, instead: "any, all, each, everything that" },
  { pattern: /\bwhichever\b/i, instead: "the one that, any, each" },
  { pattern: /\b(?:unless|if not|when not) told\b/i, instead: '"Default: …", or "by default"' },
  { pattern: /\bunless told otherwise\b/i, instead: '"Default: …", or "by default"' },
  { pattern: /\b(?:is|are|be|was|were) told of\b/i, instead: "reports, receives, is called for" },
  { pattern: /[,:;] for (?:it|they|he|there|this|these|those)\b/i, instead: "because, since" },
  { pattern: /\bbut for\b/i, instead: "except, apart from" },
  { pattern: /\bsave (?:that|for)\b/i, instead: "except" },
  { pattern: /\b(?:there|here|where)(?:by|of|in|upon|from)\b/i, instead: "a sentence of its own" },
  { pattern: /\b(?:whence|whither|lest|henceforth|albeit)\b/i, instead: "a current word" },
  { pattern: /\bof one's own\b/i, instead: "your own, its own" },
  { pattern: /\bbe it\b/i, instead: "whether, or leave it out" },
];

/** "RFC 6455 section 5.2", or "section 5.2" where the RFC is clear. */
const bannedReferences: readonly Ban[] = [
  { pattern: /§/, instead: '"section 5.2"' },
  { pattern: /\bRFC[-_]?\d/, instead: '"RFC 6455", with a space' },
  { pattern: /\bRFC \d+,? \(?\d{1,2}(?!\d)/, instead: '"RFC 6455 section 5.2"' },
  { pattern: /\bRFC \d+(?:,|'s)? (?:Section|sec\.|sect\.)/, instead: '"RFC 6455 section 5.2"' },
  {
    pattern: /\(\d{1,2}\.\d+(?:\.\d+)*(?:(?:,| and| to) \d{1,2}\.\d+(?:\.\d+)*)*\)/,
    instead: '"(section 5.2)"',
  },
];

/** Lines that stay as they are, and why. The key is the path, the value a part of the line. */
const exceptions: readonly { path: string; part: string; reason: string }[] = [];

/** A line of text, and where it stands. */
interface Line {
  readonly path: string;
  readonly number: number;
  readonly text: string;
}

const pages = [...writtenPages(), ...list("examples", ".md")];

/** The files of entries that are a folder or a file. */
function files(entries: readonly string[]): string[] {
  return entries.flatMap((entry) => /\.\w+$/.test(entry) ? [entry] : list(entry, ".ts", ".html"));
}

function lines(path: string): Line[] {
  return read(path).split("\n").map((text, index) => ({ path, number: index + 1, text }));
}

// Comments come first, so that an apostrophe in one opens no string.
const commentOrString =
  /\/\/[^\n]*|\/\*[^]*?\*\/|<!--[^]*?-->|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g;

/** The lines of a file that hold a comment or a string, with nothing but that. */
function commentsAndStrings(path: string, only?: "comments"): Line[] {
  const code = read(path);
  const found: Line[] = [];
  for (const { 0: match, index } of code.matchAll(commentOrString)) {
    if (only === "comments" && !/^(?:\/[/*]|<!--)/.test(match)) continue;
    const first = code.slice(0, index).split("\n").length;
    match.split("\n").forEach((text, i) => found.push({ path, number: first + i, text }));
  }
  return found;
}

/** What is wrong with lines, as sentences that say where and what to write. */
function findings(held: readonly Line[], bans: readonly Ban[]): string[] {
  return held.flatMap(({ path, number, text }) =>
    bans.flatMap(({ pattern, instead }) => {
      const [match] = pattern.exec(text) ?? [];
      if (match === undefined || isException(path, text)) return [];
      return [`${path}:${number}: write ${instead}, not "${match.trim()}"`];
    })
  );
}

function isException(path: string, text: string): boolean {
  return exceptions.some((exception) => exception.path === path && text.includes(exception.part));
}

test("pages are in plain English", () => {
  assertGreater(pages.length, 4);
  assertEquals(findings(pages.flatMap(lines), bannedWords), []);
});

test("pages refer to RFCs in one form", () => {
  assertEquals(findings(pages.flatMap(lines), bannedReferences), []);
});

test("comments and strings are in plain English, and refer to RFCs in one form", () => {
  const held = files(heldCode).flatMap((path) => commentsAndStrings(path));
  assertGreater(held.length, 0);
  assertEquals(findings(held, [...bannedWords, ...bannedReferences]), []);
});

test("lines with a comment have at most 100 columns", () => {
  // A word that is longer than a line, such as a URL, cannot be broken.
  const tooLong = files(heldCode).flatMap((path) => {
    const whole = lines(path);
    return [...new Set(commentsAndStrings(path, "comments").map(({ number }) => number))]
      .map((number) => whole[number - 1]!)
      .filter(({ text }) => text.length > 100 && !/\S{80}/.test(text))
      .filter(({ path, text }) => !isException(path, text));
  });
  assertEquals(tooLong.map(({ path, number }) => `${path}:${number}`), []);
});

test("module-level constants that are numbers or strings are UPPER_CASE", () => {
  const constant = /^(?:export )?const (\w+)(?:: (?:number|string))? =\s+([^;]*);/gm;
  // Numbers, computed from numbers and other constants, and quoted strings.
  const literal = /^(?:[-+*/%()\s]|\d[\w.]*|[A-Z][A-Z0-9_]*)+$|^"[^"]*"$|^`[^`$]*`$/;
  const wrong = files(heldConstants).flatMap((path) =>
    [...read(path).matchAll(constant)]
      .filter(([, name = "", value = ""]) => literal.test(value) && !/^[A-Z][A-Z0-9_]*$/.test(name))
      .map(([, name]) => `${path}: ${name}`)
  );
  assertEquals(wrong, []);
});

test("each exception is still needed", () => {
  const left = exceptions.filter(({ path, part }) => !read(path).includes(part));
  assertEquals(left, []);
});
