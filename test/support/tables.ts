// The tables of pages in Markdown.

/**
 * Finds the tables of a text.
 *
 * @param text The text of a page.
 * @returns The tables, each a list of rows of cells: the head, the line below it, and the others.
 */
export function tablesOf(text: string): string[][][] {
  return [...text.matchAll(/(?:^\|.*\|\n)+/gm)].map(([table]) =>
    table.trimEnd().split("\n").map((line) =>
      line.slice(1, -1).split("|").map((cell) => cell.trim())
    )
  );
}
