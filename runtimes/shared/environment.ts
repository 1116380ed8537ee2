// The variables of the process, on Node and Bun.

/** The value of an environment variable, if there is one. */
export function environment(name: string): string | undefined {
  return globalThis.process.env[name];
}
