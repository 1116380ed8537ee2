// Routes: one object of patterns, made into the function that answers every request.
//
// 1. The best pattern wins (route_pattern.ts); the order of the routes does not matter. Where no
//    pattern matches, the fallback answers, or 404.
// 2. A route that is a Response is read once, and answered any number of times
//    (constant_page.ts).
// 3. Such a route answers only GET and HEAD: a client that posts to a page must not get a status of
//    success.
// 4. A socket route answers 426 with `Upgrade: websocket` to a request that is no opening handshake
//    (RFC 9110 section 15.5.22), unless it has a `fetch` for that.

import { isResponse, kindOf } from "../util/brands.ts";
import type { WebSocketHandler } from "../connection/handler.ts";
import { handler as handlerRule } from "../connection/check_handler.ts";
import { callback, checkOptions, type OptionTable } from "../util/check_options.ts";
import { isUpgrade, UPGRADE_OPTIONS, type UpgradeOptions } from "./upgrade.ts";
import { ConstantPage } from "./constant_page.ts";
import type { FetchHandler, FetchTools, FindPage, FindSocket, SocketChoice } from "./context.ts";
import { type Answer, createMethods, type MethodRoute, METHODS } from "./route_methods.ts";
import {
  comparePatterns,
  matches,
  parsePath,
  parsePattern,
  type Path,
  type Pattern,
  readParams,
  type RouteParams,
} from "./route_pattern.ts";

/** What a route's function is given besides the request. */
export interface RouteTools<Path extends string = string> extends FetchTools {
  /**
   * What the pattern found in the path, percent-decoded; all that `*` stands for is under `"*"`.
   */
  readonly params: RouteParams<Path>;
}

/**
 * Answers the requests of a route with a Response: one that it makes, or the one that `upgrade()`
 * returns.
 */
export type RouteFunction<Path extends string = string> = (
  request: Request,
  tools: RouteTools<Path>,
) => Response | Promise<Response>;

/** The `data` of connections whose socket route sets none: its parameters, when it has some. */
export type RouteData<Path extends string> = keyof RouteParams<Path> extends never ? undefined
  : RouteParams<Path>;

/** A route whose requests become WebSocket connections. */
export interface SocketRoute<Path extends string = string, Data = unknown>
  extends UpgradeOptions<Data> {
  /**
   * What to do with each connection. Its `data` is the route's, or else the parameters of the path.
   */
  readonly websocket: WebSocketHandler<unknown extends Data ? RouteData<Path> : NoInfer<Data>>;
  /** Answers a request that is no opening handshake; without it that gets 426. */
  readonly fetch?: RouteFunction<Path>;
}

/** What each option of a socket may be. */
const SOCKET_ROUTE_OPTIONS: OptionTable<SocketRoute> = {
  ...UPGRADE_OPTIONS,
  websocket: handlerRule,
  fetch: callback,
};
const SOCKET_OPTIONS = Object.keys(SOCKET_ROUTE_OPTIONS) as (keyof SocketRoute)[];

/** What may be in the object of a route: those options, or methods. */
const ROUTE_OPTIONS: OptionTable<SocketRoute & Required<MethodRoute>> = {
  ...SOCKET_ROUTE_OPTIONS,
  ...METHODS,
};

/**
 * What a pattern leads to: always the same Response, a function, an answer for each method, or a
 * socket.
 */
export type Route<Path extends string = string, Data = unknown> =
  | Response
  | RouteFunction<Path>
  | (MethodRoute<Path> & { readonly websocket?: never })
  | SocketRoute<Path, Data>;

/**
 * Patterns and what they lead to. A pattern is a path whose segments may be `:name`, and the last
 * one `*`; the most specific one that matches wins, and their order does not matter.
 *
 * @typeParam Table From each pattern to the type of its `data`; inferred.
 */
export type Routes<Table = Record<string, unknown>> = {
  readonly [Path in keyof Table]: Route<Path & string, Table[Path]>;
};

/** What routes are made into. */
export interface Router {
  /** Answers every request. */
  readonly fetch: FetchHandler;
  /** The socket that a request is for, as far as its target tells. */
  readonly findSocket: FindSocket;
  /** The page that is always the same for a request, as far as its target tells. */
  readonly findPage: FindPage;
}

interface Entry {
  readonly pattern: Pattern;
  readonly route: Route;
  readonly answer: Answer;
}

/**
 * The path of a target in its normal form. A target that the URL parser would change, or one in
 * another form, takes the long way.
 */
const PLAIN_TARGET = /^(?:\/(?!\.)[\w.~!$&'()*+,;=:@-]*)+(?=\?|$)/;

function isPlain(path: string): boolean {
  return PLAIN_TARGET.exec(path)?.[0] === path;
}

/** The pages of a route that are always the same, by their methods. */
type Constants = Map<string, ConstantPage>;

type Params = Readonly<Record<string, string>>;

/**
 * Makes two functions of routes: one answers requests, the other finds the socket for a request.
 *
 * @param routes The routes.
 * @param fallback Answers a request that no pattern matches. Default: 404.
 * @throws {TypeError} When a pattern is invalid, two patterns match the same paths, or a route is
 * none of the four kinds.
 */
export function createRouter(routes: Routes, fallback: FetchHandler = notFound): Router {
  const table: Entry[] = [];
  const pages = new Map<string, Constants>();
  for (const [text, route] of Object.entries(routes)) {
    const pattern = parsePattern(text);
    const constants: Constants = new Map();
    table.push({ pattern, route, answer: createAnswer(text, route, constants) });
    // A literal path is the most specific pattern of all that match it.
    if (pattern.names.length === 0 && isPlain(text)) pages.set(text, constants);
  }
  table.sort((a, b) => comparePatterns(a.pattern, b.pattern));
  for (const [i, { pattern }] of table.entries()) {
    const next = table[i + 1]?.pattern;
    if (next !== undefined && comparePatterns(pattern, next) === 0) {
      throw new TypeError(
        `Expected routes for different paths, got ${JSON.stringify(pattern.text)} and ${
          JSON.stringify(next.text)
        }`,
      );
    }
  }
  const find = (path: Path): Entry | undefined =>
    table.find(({ pattern }) => matches(pattern, path));
  return {
    fetch(request, tools) {
      const path = parsePath(new URL(request.url).pathname);
      const found = find(path);
      if (found === undefined) return fallback(request, tools);
      const params = readParams(found.pattern, path);
      if (params !== undefined) return found.answer(request, tools, params);
      return text(400, "Expected valid percent-encoding in the path");
    },
    findPage: ({ method, target }) => pages.get(target)?.get(method),
    findSocket({ target }) {
      const [pathname = ""] = PLAIN_TARGET.exec(target) ?? [];
      if (pathname === "") return undefined;
      const path = parsePath(pathname);
      const found = find(path);
      if (found === undefined || !isSocket(found.route)) return undefined;
      const params = readParams(found.pattern, path);
      return params && chooseSocket(found.route, params);
    },
  };
}

function isSocket(route: Route): route is SocketRoute {
  return typeof route === "object" && route !== null &&
    (route as Partial<SocketRoute>).websocket !== undefined;
}

function chooseSocket(route: SocketRoute, params: Params): SocketChoice {
  const { websocket, fetch: _, ...options } = route;
  const data = "data" in options || Object.keys(params).length === 0 ? options.data : params;
  // The handler takes what `data` is, by the type of SocketRoute.
  return { handler: websocket as WebSocketHandler, options: { ...options, data } };
}

function createAnswer(pattern: string, route: Route, constants: Constants): Answer {
  if (isResponse(route)) return createMethods(answersOf(pattern, { GET: route }, constants));
  if (typeof route === "function") {
    return (request, tools, params) => route(request, { ...tools, params });
  }
  const name = `the route ${JSON.stringify(pattern)}`;
  if (typeof route === "object" && route !== null) {
    // An Html, and what htmlFile() returns, are no answers yet.
    for (const method of ["respond", "toResponse"]) {
      if (!(method in route)) continue;
      throw new TypeError(`Expected a function for ${name}, got HTML: return its ${method}()`);
    }
    checkOptions(name, route, ROUTE_OPTIONS);
    const methods = answersOf(pattern, route as MethodRoute, constants);
    const [other] = SOCKET_OPTIONS.filter((option) => (route as SocketRoute)[option] !== undefined);
    if (other !== undefined && methods.size > 0) {
      const got = [...methods.keys(), other].join(" and ");
      throw new TypeError(
        `Expected either methods or a socket for ${name}, got ${got}: its fetch answers what is no handshake`,
      );
    }
    if (methods.size > 0) return createMethods(methods);
  }
  if (!isSocket(route)) {
    throw new TypeError(
      `Expected a Response, a function or an object with websocket or methods such as GET for ${name}, got ${
        kindOf(route)
      }`,
    );
  }
  return createSocket(route);
}

function createSocket(socket: SocketRoute): Answer {
  const { fetch } = socket;
  return (request, tools, params) => {
    if (fetch !== undefined && !isUpgrade(request)) return fetch(request, { ...tools, params });
    const { handler, options } = chooseSocket(socket, params);
    return tools.upgrade(handler, { data: undefined, ...options });
  };
}

/** The answer for each method that a route names. Those that are always the same go into a map. */
function answersOf(
  pattern: string,
  route: MethodRoute,
  constants: Constants,
): Map<string, Answer> {
  const answers = new Map<string, Answer>();
  for (const method of Object.keys(METHODS) as (keyof MethodRoute)[]) {
    const found = route[method];
    if (found === undefined) continue;
    if (isResponse(found)) {
      const page = createConstant(pattern, found);
      constants.set(method, page);
      answers.set(method, () => page.respond());
    } else answers.set(method, (request, tools, params) => found(request, { ...tools, params }));
  }
  const page = constants.get("GET");
  if (page !== undefined && !answers.has("HEAD")) constants.set("HEAD", page);
  return answers;
}

function createConstant(pattern: string, response: Response): ConstantPage {
  if (response.bodyUsed || response.body?.locked) {
    throw new TypeError(
      `Expected a Response whose body is not used for the route ${JSON.stringify(pattern)}`,
    );
  }
  return new ConstantPage(response);
}

function notFound(): Response {
  return text(404, "Not found");
}

function text(status: number, body: string): Response {
  return new Response(body, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
}
