// The variables of the process, which Deno lets a program read with `--allow-env`.

import { withRow } from "../../src/util/error_row.ts";
import { deno } from "./namespace.ts";

/**
 * The value of an environment variable, if there is one.
 *
 * @param name Its name.
 * @returns The value.
 * @throws {Error} With the code `ERR_ACCESS_DENIED` when the program may not read it.
 */
export function environment(name: string): string | undefined {
  try {
    return deno().env.get(name);
  } catch (cause) {
    const message = `Requires env access to "${name}", run again with the --allow-env flag, ` +
      'or give the URL of the proxy in place of "environment"';
    throw Object.assign(new Error(withRow(message, "ERR_ACCESS_DENIED"), { cause }), {
      code: "ERR_ACCESS_DENIED",
    });
  }
}
