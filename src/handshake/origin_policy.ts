// The options of a server about origins: a list or a function, whether Origin is required, and how
// an origin that may not connect is refused.
//
// The function is called last, for an origin that no rule allows. Only `true` allows it. A function
// that throws denies it. So does an async one, because its promise would otherwise count as true.
// Both are reported.

import type { HandshakeRefusal } from "./refusal.ts";
import type { RequestHead } from "../http/head.ts";
import { describe, type OptionRule } from "../util/check_options.ts";
import { handled } from "../util/promises.ts";
import { mayConnect, type OriginList, parseOrigins, type Peers } from "./origin.ts";
import { refuseOrigin } from "./server.ts";

/**
 * Says whether a page may open a WebSocket.
 *
 * @param origin The value of `Origin`; "null" for pages that have none, such as files.
 * @param request The opening handshake.
 * @returns True when it may. A decision that takes time belongs in `fetch`.
 */
export type OriginFunction = (origin: string, request: Request) => boolean;

/**
 * Which origins may connect besides the same one, as an option: a list, or a function that decides.
 */
export type Origins = readonly string[] | OriginFunction;

/** The same, parsed. */
export interface OriginRule {
  /** The origins that are listed. */
  readonly list: OriginList;
  /** Decides on the others. */
  readonly decide: OriginFunction | undefined;
}

/** The settings of a server about origins. */
export interface OriginPolicy {
  /** Which may connect besides the same one. */
  readonly origins: OriginRule;
  /** Whether a handshake without `Origin` is refused. */
  readonly requireOrigin: boolean;
  /** Called when the function throws, or returns neither true nor false. */
  readonly error: (error: unknown) => void;
}

/** What is known about the client. */
export interface OriginScene extends Peers {
  /**
   * The opening handshake, made when it is read; undefined where the function must not be called.
   */
  readonly request: Request | undefined;
}

/**
 * The lists that have been parsed: a route or an upgrade gives the same list with each handshake.
 */
const rules = new WeakMap<Origins, OriginRule>();

/**
 * Reads which origins may connect.
 *
 * @throws {TypeError} When an entry is malformed.
 */
export function readOrigins(origins: Origins): OriginRule {
  return typeof origins === "function"
    ? { list: parseOrigins([]), decide: origins }
    : { list: parseOrigins(origins), decide: undefined };
}

function readOnce(origins: Origins): OriginRule {
  let rule = rules.get(origins);
  if (rule === undefined) rules.set(origins, rule = readOrigins(origins));
  return rule;
}

/** What the option `origins` may be. */
export const originsRule: OptionRule = {
  expected: "a list of strings or a function that is not async",
  check(name, value) {
    const isList = Array.isArray(value) && value.every((entry) => typeof entry === "string");
    if (!isList && (typeof value !== "function" || isAsync(value))) {
      const got = Array.isArray(value)
        ? "another list"
        : typeof value === "function"
        ? "an async one"
        : describe(value);
      throw new TypeError(
        `Expected ${name} to be ${this.expected}, got ${got}`,
      );
    }
    readOnce(value as Origins);
  },
};

/**
 * Whether a function is declared async. Another one that returns a promise is noticed when it is
 * called.
 */
function isAsync(value: unknown): boolean {
  return Object.prototype.toString.call(value) === "[object AsyncFunction]";
}

/**
 * Judges the origin of a handshake.
 *
 * @param head The request.
 * @param policy The settings of the server.
 * @param own The origins of the route or the upgrade, which replace those of the server.
 * @param scene What is known about the client.
 * @returns How to refuse it; undefined when it may connect.
 */
export function judgeOrigin(
  head: RequestHead,
  policy: OriginPolicy,
  own: Origins | undefined,
  scene: OriginScene,
): HandshakeRefusal | undefined {
  const { headers } = head;
  if (!headers.has("origin")) return policy.requireOrigin ? refuseOrigin(head) : undefined;
  const { list, decide } = own === undefined ? policy.origins : readOnce(own);
  // Several are never allowed (RFC 6454 section 7.3).
  const origin = headers.getOnly("origin");
  const isAllowed = origin !== undefined &&
    (mayConnect(origin, head, list, scene) ||
      (decide !== undefined && isAllowedBy(decide, origin, policy, scene)));
  return isAllowed ? undefined : refuseOrigin(head);
}

function isAllowedBy(
  decide: OriginFunction,
  origin: string,
  policy: OriginPolicy,
  scene: OriginScene,
): boolean {
  const { request } = scene;
  if (request === undefined) return false;
  try {
    const verdict: unknown = decide(origin, request);
    if (typeof verdict === "boolean") return verdict;
    // The handshake is refused already, so a promise that rejects must not end the process.
    handled(Promise.resolve(verdict));
    policy.error(
      new TypeError(
        `Expected origins() to return true or false, got ${
          describe(verdict)
        }: what takes time is for fetch to decide`,
      ),
    );
  } catch (error) {
    policy.error(error);
  }
  return false;
}
