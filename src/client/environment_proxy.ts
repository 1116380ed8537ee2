// The proxy that the variables of the environment name, by the rules of curl.
//
// 1. The name in lower case comes first. An empty value counts as none.
// 2. HTTP_PROXY is not read by a CGI program, where it is what a client has sent as `Proxy`.
// 3. An entry of NO_PROXY is a host with all that ends in it, with or without a leading dot, an
//    address, or a range in CIDR notation; each may have a port. "*" is all hosts.

import { isInRange, parseAddressRange, parseIpAddress } from "../util/ip_address.ts";

/** A variable, and what it holds. */
export interface Variable {
  /** Its name. */
  readonly name: string;
  /** Its value, with a scheme. */
  readonly value: string;
}

/**
 * Finds the proxy for a URL.
 *
 * @param target The URL, with `ws:` or `wss:`.
 * @param get Reads a variable.
 * @returns The variable that names the proxy; undefined when none does, or NO_PROXY has the host.
 */
export function environmentProxy(
  target: URL,
  get: (name: string) => string | undefined,
): Variable | undefined {
  const first = (...names: string[]): Variable | undefined => {
    for (const name of names) {
      const value = get(name)?.trim();
      if (value) return { name, value };
    }
    return undefined;
  };
  const secure = target.protocol === "wss:";
  const found = first(secure ? "https_proxy" : "http_proxy") ??
    (secure || get("REQUEST_METHOD") === undefined
      ? first(secure ? "HTTPS_PROXY" : "HTTP_PROXY")
      : undefined) ??
    first("all_proxy", "ALL_PROXY");
  if (found === undefined) return undefined;
  const except = first("no_proxy", "NO_PROXY")?.value ?? "";
  if (except.split(/[\s,]+/).some((entry) => matches(entry, target))) return undefined;
  const { name, value } = found;
  return { name, value: value.includes("://") ? value : `http://${value}` };
}

/** Whether an entry of NO_PROXY names the host of a URL. */
function matches(entry: string, { hostname, port, protocol }: URL): boolean {
  if (entry === "*") return true;
  const [, bracketed, plain = "", bits = "", only] =
    /^(?:\[([^\]]*)\]|([^:/]*|[^/]*:[^/]*:[^/]*))(\/\d+)?(?::(\d+))?$/.exec(entry) ?? [];
  if (only !== undefined && only !== (port || (protocol === "wss:" ? "443" : "80"))) return false;
  const address = parseIpAddress(hostname.replace(/^\[|\]$/g, ""));
  if (address !== undefined) {
    const range = parseAddressRange((bracketed ?? plain) + bits);
    return range !== undefined && isInRange(address, range);
  }
  const host = `.${hostname.replace(/\.$/, "")}`;
  const name = plain.toLowerCase().replace(/^\*?\./, "").replace(/\.$/, "");
  return name !== "" && bits === "" && host.endsWith(`.${name}`);
}
