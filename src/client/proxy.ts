// Which proxy a connection goes through.
//
// 1. A program gives its URL, with credentials, or a function of the target; or the variables of
//    the environment say it.
// 2. Trap: a URL may hold a password, so no message repeats one.

import { unlessAborted } from "../util/abort.ts";
import { group, isObject, kind, type OptionRule, type OptionTable } from "../util/check_options.ts";
import { unjudged } from "../util/check_options.ts";
import type { HeadersSource } from "../util/platform.ts";
import { TLS_CLIENT_OPTIONS, type TlsClientOptions } from "../transport/tls.ts";
import type { Runtime } from "../transport/transport.ts";
import { environmentProxy } from "./environment_proxy.ts";

/** A proxy, and what only it gets. */
export interface ProxyOptions {
  /**
   * Where it is, with `http:`, `https:`, `socks5:` or `socks5h:`, and the user name and password
   * for it; or "environment". With both forms of SOCKS the proxy looks names up.
   */
  readonly url: string | URL;
  /**
   * More header fields for a proxy that speaks HTTP, such as `Proxy-Authorization` with a token.
   * Default: none.
   */
  readonly headers?: HeadersSource;
  /** TLS for a proxy with `https:`. Default: the runtime's own trust. */
  readonly tls?: TlsClientOptions;
}

/** What each of these may be. */
export const PROXY_OPTIONS: OptionTable<ProxyOptions> = {
  url: kind("a URL", isUrlOrText),
  headers: unjudged("header fields"),
  tls: group(TLS_CLIENT_OPTIONS),
};

/** A proxy, by its URL or with more options. */
export type ProxyChoice = string | URL | ProxyOptions;

/** Says which proxy leads to a URL; undefined goes there directly. */
export type ProxyFunction = (
  url: URL,
) => ProxyChoice | undefined | Promise<ProxyChoice | undefined>;

const choice = kind(
  'a URL, "environment", an object of options or a function',
  (value) => typeof value === "function" || isUrlOrText(value) || isObject(value),
);
const options = group(PROXY_OPTIONS);

/** What the option may be. The URL itself is judged when it is used. */
export const proxyRule: OptionRule = {
  expected: choice.expected,
  table: options.table!,
  check(name, value, scope) {
    choice.check(name, value, scope);
    if (isObject(value) && !isUrlOrText(value)) options.check(name, value, scope);
  },
};

/** Where a proxy is, and what it gets. */
export interface Proxy extends ProxyOptions {
  /** Its URL. */
  readonly url: URL;
}

const SCHEMES: readonly string[] = ["http:", "https:", "socks5:", "socks5h:"];

/**
 * Finds the proxy for a connection.
 *
 * @param given The option.
 * @param target Where the connection goes.
 * @param runtime Reads the environment.
 * @param signal Ends the wait for a function.
 * @returns The proxy; undefined for none.
 * @throws {SyntaxError} When the URL of the proxy is malformed, or has another scheme.
 * @throws {TypeError} When a function gives no proxy, or the runtime has no environment.
 */
export async function chooseProxy(
  given: ProxyChoice | ProxyFunction,
  target: URL,
  { environment }: Pick<Runtime, "environment">,
  signal: AbortSignal,
): Promise<Proxy | undefined> {
  let chosen: ProxyChoice | undefined;
  if (typeof given === "function") {
    chosen = await unlessAborted(given(new URL(target)), signal);
    if (chosen === undefined) return undefined;
    proxyRule.check("the result of proxy()", chosen, { owner: "connect()", table: {} });
  } else chosen = given;
  const options = isUrlOrText(chosen) ? { url: chosen } : chosen;
  if (options.url !== "environment") return { ...options, url: parse(options.url, "proxy") };
  if (environment === undefined) {
    throw new TypeError("Expected the URL of the proxy: no environment can be read here");
  }
  const found = environmentProxy(target, environment);
  return found && { ...options, url: parse(found.value, found.name) };
}

function parse(text: string | URL, name: string): URL {
  try {
    const url = new URL(text);
    if (SCHEMES.includes(url.protocol) && url.hostname !== "") return url;
  } catch {
    // The same is wrong.
  }
  throw new SyntaxError(
    `Expected ${name} to be a URL with a host and http:, https:, socks5: or socks5h:`,
  );
}

/** What messages call a proxy. */
export function nameOf({ protocol, host }: URL): string {
  return `proxy ${protocol}//${host}`;
}

function isUrlOrText(value: unknown): value is URL | string {
  return typeof value === "string" ||
    (typeof value === "object" && value !== null && "href" in value);
}
