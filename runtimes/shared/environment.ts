// The variables of the process, on Node and Bun.

import process from "node:process";

/** The value of an environment variable, if there is one. */
export function environment(name: string): string | undefined {
  return process.env[name];
}
