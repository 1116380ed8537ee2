import { isError } from "../src/brands.ts";
import type { Address } from "../src/transport.ts";

/**
 * The error of a failed listen or dial, worded the same on every runtime.
 *
 * @param attempt What was tried: "listen on" or "connect to".
 * @param address The address as it was asked for.
 * @param cause What the runtime threw.
 * @returns An error that names the address and keeps the cause.
 */
export function failure(
  attempt: "listen on" | "connect to",
  { hostname, port, path }: Address & { readonly path?: string | undefined },
  cause: unknown,
): Error {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const where = path ?? `${host}:${port}`;
  return new Error(`Could not ${attempt} ${where}: ${reasonOf(cause)}`, { cause });
}

/**
 * What a runtime threw or reported, as an `Error`.
 *
 * @param thrown The value.
 * @returns The value itself when it is an `Error`.
 */
export function asError(thrown: unknown): Error {
  return isError(thrown) ? thrown : new Error(String(thrown), { cause: thrown });
}

/** Node's AggregateError of several refused addresses has a code but an empty message. */
function reasonOf(cause: unknown): string {
  const error = asError(cause) as Error & { code?: string };
  return error.message || error.code || error.name;
}
