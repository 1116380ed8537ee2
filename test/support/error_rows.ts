// The addresses in the texts of errors: `errors.md#econnrefused`.

import { assert } from "@std/assert";
import { read } from "../structure/sources.ts";

const rows: ReadonlySet<string> = new Set(
  [...read("docs/reference/errors.md").matchAll(/<a id="([\w-]+)">/g)].map(([, id = ""]) => id),
);

/**
 * The text of an error without the address of its row.
 *
 * @param message The message of the error; each address in it has to be a row of the page.
 * @returns The message without them.
 */
export function withoutRow(message: string): string {
  return message.replace(
    / \(errors\.md#([\w-]+)\)|, errors\.md#([\w-]+)(?=\))/g,
    (_, one?: string, two?: string) => {
      const id = one ?? two ?? "";
      assert(rows.has(id), `docs/reference/errors.md has no row #${id}`);
      return "";
    },
  );
}
