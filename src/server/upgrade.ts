// The decision to upgrade a request, as `fetch` sees it: `upgrade()` returns a Response like any
// other.
//
// When a request cannot be upgraded, that Response is the refusal. Otherwise it is a stand-in, and
// the upgrade happens when `fetch` returns the stand-in itself: a Response with status 101 cannot
// be made.

import type { HandshakeRefusal } from "../handshake/refusal.ts";
import type { WebSocketHandler } from "../connection/handler.ts";
import { handler as handlerRule } from "../connection/check_handler.ts";
import { judgeOrigin, type OriginPolicy, type Origins } from "../handshake/origin_policy.ts";
import { type OriginScene, originsRule } from "../handshake/origin_policy.ts";
import { type HandshakeAcceptance, judgeRequest } from "../handshake/server.ts";
import type { HeadersSource } from "../util/platform.ts";
import { hasToken } from "../http/lists.ts";
import type { RequestHead } from "../http/head.ts";
import {
  anything,
  checkOptions,
  isObject,
  kind,
  type OptionScope,
  type OptionTable,
  unjudged,
} from "../util/check_options.ts";

/**
 * Chooses a subprotocol.
 *
 * @param offered What the client offers, the one it prefers first.
 * @param request The opening handshake.
 * @returns One of those offered, or undefined for none.
 */
export type ProtocolChooser = (
  offered: readonly string[],
  request: Request,
) => string | undefined;

/** What goes with an upgrade. */
export interface UpgradeOptions<Data = unknown> {
  /**
   * The subprotocol, or several in order of preference: the first that the client offers is chosen,
   * and none when it offers none of them (RFC 6455 section 4.2.2). Or a function that chooses. When
   * it returns a subprotocol that the client has not offered, the server reports an error and the
   * client gets 500. Default: none.
   */
  readonly protocol?: string | readonly string[] | ProtocolChooser;
  /** The `data` of the connection. Default: undefined, or what the pattern of a route found. */
  readonly data?: Data;
  /** Header fields of the 101 response; `Set-Cookie` may be given several times. Default: none. */
  readonly headers?: HeadersSource;
  /**
   * Which origins may connect, in place of the `origins` of the server. Default: those of the
   * server.
   */
  readonly origins?: Origins;
}

/** What each of these may be. */
export const UPGRADE_OPTIONS: OptionTable<UpgradeOptions> = {
  protocol: kind(
    "a string, a list of strings or a function",
    (value) =>
      typeof value === "string" || typeof value === "function" ||
      (Array.isArray(value) && value.every((one) => typeof one === "string")),
  ),
  data: anything,
  headers: unjudged("header fields"),
  origins: originsRule,
};

const UPGRADE: OptionScope = { owner: "upgrade()", table: UPGRADE_OPTIONS };

/**
 * Checks what `upgrade()` is given.
 *
 * @throws {TypeError} When `handler` is not a handler, or a hook or an option is unknown.
 */
export function checkUpgrade(handler: unknown, options: unknown): void {
  if (isObject(handler) && "headers" in handler && "url" in handler) {
    throw new TypeError("Expected the handler in upgrade(handler, options), got a request");
  }
  handlerRule.check("the handler", handler, UPGRADE);
  checkOptions(UPGRADE.owner, options, UPGRADE_OPTIONS);
}

/**
 * Makes a WebSocket connection of a request. It is the same for `serve()`, `attach()` and
 * `adopt()`, except for what the platform has of the request, which comes first. The handler's
 * `data` has the type of the option `data`, and a handler that is declared to need `data` must get
 * some.
 *
 * @typeParam Platform What the platform has of the request; nothing for `serve()`, which knows the
 * request at hand.
 */
export interface Upgrade<Platform extends readonly unknown[] = []> {
  /**
   * With `data`.
   *
   * @param args What the platform has of the request, the handler, and the options: the `data`, and
   * perhaps the subprotocol and header fields.
   * @returns A Response: the upgrade, or the refusal with status 400, 403, 405, 426, 429 or 503 and
   * the reason as its body. Return it from `fetch`; `attach()` has answered with it already.
   * @throws {TypeError} When an argument, an option or a hook is unknown or of the wrong kind.
   */
  <Data>(
    ...args: [
      ...platform: Platform,
      handler: WebSocketHandler<Data>,
      options: UpgradeOptions<Data> & { readonly data: Data },
    ]
  ): Response;
  /** Without `data`. */
  (
    ...args: [
      ...platform: Platform,
      handler: WebSocketHandler<undefined>,
      options?: UpgradeOptions<undefined>,
    ]
  ): Response;
}

/** An upgrade that was decided on. */
export interface UpgradeDecision {
  /** What the client asked for. */
  readonly acceptance: HandshakeAcceptance;
  /** What to do with the connection; it fits `options.data`. */
  readonly handler: WebSocketHandler;
  /** What goes with it. */
  readonly options: UpgradeOptions;
}

/** Judges a request as an opening handshake from an origin that may connect. */
export function judgeUpgrade(
  head: RequestHead,
  policy: OriginPolicy,
  origins: UpgradeOptions["origins"],
  scene: OriginScene,
): HandshakeAcceptance | HandshakeRefusal {
  const judged = judgeRequest(head);
  return "status" in judged ? judged : judgeOrigin(head, policy, origins, scene) ?? judged;
}

/**
 * Says whether a request asks for a WebSocket, well-formed or not: `websocket` in `Upgrade` and
 * `upgrade` in `Connection` (RFC 6455 section 4.2.1). For one address that serves a page and a
 * socket.
 *
 * @param request The request.
 * @returns Whether to call `upgrade()`, which judges the rest of the handshake.
 *
 * @example
 * ```ts
 * import { isUpgrade, serve } from "@sansocket/ws";
 *
 * await using server = await serve({
 *   port: 0,
 *   fetch(request, { upgrade }) {
 *     if (isUpgrade(request)) return upgrade((ws) => ws.send("hello"));
 *     return new Response("hello");
 *   },
 * });
 * console.log(await (await fetch(server.url)).text()); // hello
 * ```
 */
export function isUpgrade(request: Request): boolean {
  const { headers } = request;
  return hasToken(headers.get("upgrade") ?? undefined, "websocket") &&
    hasToken(headers.get("connection") ?? undefined, "upgrade");
}

/**
 * The subprotocol: the first of the server's that the client offers, or what its function chooses.
 *
 * @throws What that function throws. What it chooses is not judged here.
 */
export function chooseProtocol(
  wanted: UpgradeOptions["protocol"],
  offered: readonly string[],
  request: () => Request,
): string | undefined {
  if (typeof wanted === "function") return wanted([...offered], request());
  const candidates = typeof wanted === "string" ? [wanted] : wanted ?? [];
  return candidates.find((candidate) => offered.includes(candidate));
}
