// What a server says about origins, as options: a list or a function, whether there must be one,
// and what is done about an origin that may not connect.
//
// The function is asked last, about what no rule allows. Only `true` allows: one that throws
// denies, as does one that is async, whose promise would otherwise pass for a yes. Both are
// reported.

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
 * @returns True when it may. What takes time to decide is for `fetch` to decide.
 */
export type OriginFunction = (origin: string, request: Request) => boolean;

/**
 * Which origins may connect besides the same one, as it is told: a list, or a function for what is
 * in no list.
 */
export type Origins = readonly string[] | OriginFunction;

/** The same, read. */
export interface OriginRule {
  /** Those that are listed. */
  readonly list: OriginList;
  /** Decides on the others. */
  readonly decide: OriginFunction | undefined;
}

/** What a server says about origins. */
export interface OriginPolicy {
  /** Which may connect besides the same one. */
  readonly origins: OriginRule;
  /** Whether a handshake without `Origin` is refused. */
  readonly requireOrigin: boolean;
  /** Told when the function throws, or returns neither true nor false. */
  readonly error: (error: unknown) => void;
}

/** What is known about who asks. */
export interface OriginScene extends Peers {
  /**
   * The opening handshake, made when it is looked at; undefined where the function is not to be
   * asked.
   */
  readonly request: Request | undefined;
}

/** What has been read: a route or an upgrade gives the same list with each handshake. */
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
 * Whether a function is seen to be async; one that returns a promise otherwise is found out when it
 * is asked.
 */
function isAsync(value: unknown): boolean {
  return Object.prototype.toString.call(value) === "[object AsyncFunction]";
}

/**
 * Judges the origin of a handshake.
 *
 * @param head The request.
 * @param policy What the server says.
 * @param own What the route or the upgrade says in place of the server, if it does.
 * @param scene Who asks.
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
    // A promise that rejects must not end the process over what is refused already.
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
