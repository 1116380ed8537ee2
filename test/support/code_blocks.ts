// The code blocks of the pages, for the tests that run or check them.
//
// 1. Each block has one owner, which test/structure/code_blocks_test.ts finds and counts:
//    test/readme_test.ts runs programs, another test takes a block by `takeBlocks()`, or the language
//    has a checker (`checked`).
// 2. A block without an owner says why in a comment before it: <!-- not run: a diagram -->
// 3. What stands behind the language of a fence is the kind of a block, as in "ts server".

import { list, read } from "../structure/sources.ts";
import { writtenPages } from "../../docs/.vitepress/repository.ts";

/** One code block. */
export interface Block {
  readonly page: string;
  /** The number of the line of its fence. */
  readonly line: number;
  /** All that stands behind the fence: the language, and what else there is. */
  readonly kind: string;
  readonly language: string;
  readonly code: string;
  /** Why it is neither run nor checked, if the page says so. */
  readonly mark: string | undefined;
}

/** The pages, from the top level. What TypeDoc writes is no page of ours. */
export const pages: readonly string[] = writtenPages();

/** Languages that are checked without a test of their own: test/structure/code_blocks_test.ts. */
export const checked: readonly string[] = ["sh", "js", "python", "json", "yaml", "http"];

/**
 * Finds the code blocks of a page.
 *
 * @param page The page, from the top level.
 * @param kind Only those of this kind.
 * @returns The blocks, in order.
 */
export function blocksOf(page: string, kind?: string): Block[] {
  const text = read(page);
  const fences = /^( *)(`{3,}|~{3,})(.*)\n([^]*?)^\1\2 *$/gm;
  const blocks = [...text.matchAll(fences)].map((match): Block => {
    const [, indent = "", , info = "", code = ""] = match;
    const before = text.slice(0, match.index);
    const kind = info.trim();
    return {
      page,
      line: before.split("\n").length,
      kind,
      language: kind.split(" ")[0] ?? "",
      code: code.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
      mark: /<!-- not run: ([^>]*?) -->\s*$/.exec(before)?.[1],
    };
  });
  return kind === undefined ? blocks : blocks.filter((block) => block.kind === kind);
}

/**
 * Takes the blocks of one kind of a page: a test that calls this says that it runs or checks them.
 * Both arguments are literals, because the calls are read in the sources.
 *
 * @param page The page, from the top level.
 * @param kind All that stands behind the fence.
 * @returns Their code, in order.
 */
export function takeBlocks(page: string, kind: string): string[] {
  const blocks = blocksOf(page, kind);
  if (blocks.length === 0) throw new Error(`${page} has no block of the kind "${kind}"`);
  return blocks.map(({ code }) => code);
}

const calls = /\btakeBlocks\(\s*"([^"]+)",\s*"([^"]+)",?\s*\)/g;

/** The tests that take blocks, by page and kind. */
const takers: ReadonlyMap<string, string> = new Map(
  list("test", "_test.ts").flatMap((path) =>
    [...read(path).matchAll(calls)].map(([, page, kind]) => [`${page} ${kind}`, path] as const)
  ),
);

/** The test that takes a block, if one does. */
export function takerOf({ page, kind }: Block): string | undefined {
  return takers.get(`${page} ${kind}`);
}

/** Whether test/readme_test.ts runs a block. */
export function isSample(block: Block): boolean {
  return /^(?:ts(?: (?:node|deno|bun|redis|nats))?|python run)$/.test(block.kind) &&
    block.mark === undefined && takerOf(block) === undefined;
}
