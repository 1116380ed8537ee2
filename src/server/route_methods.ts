// Which methods a route answers (RFC 9110 section 9).
//
// 1. HEAD is answered as GET; response.ts leaves out the body (section 9.3.2).
// 2. OPTIONS is answered with the methods there are, unless the route answers it itself (section
//    9.3.7).
// 3. Any other method gets 405, with the methods there are (sections 10.2.1 and 15.5.6).

import { kind, type OptionTable } from "../util/check_options.ts";
import { isResponse } from "../util/brands.ts";
import type { FetchTools } from "./context.ts";
import type { RouteFunction } from "./routes.ts";

/** A method that a route can name; a function as the route gets requests of every method. */
export type RouteMethod = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";

/**
 * A route with an answer for each method: a function, or always the same Response. HEAD is answered
 * by GET, OPTIONS with the methods there are, and any other method with 405 and the same in
 * `Allow`.
 */
export type MethodRoute<Path extends string = string> = {
  readonly [Method in RouteMethod]?: Response | RouteFunction<Path>;
};

const answer = kind(
  "a function or a Response",
  (value) => typeof value === "function" || isResponse(value),
);

/** What stands under each method. */
export const METHODS: OptionTable<Record<RouteMethod, unknown>> = {
  GET: answer,
  HEAD: answer,
  POST: answer,
  PUT: answer,
  PATCH: answer,
  DELETE: answer,
  OPTIONS: answer,
};

/** Answers a request of one route. */
export type Answer = (
  request: Request,
  tools: FetchTools,
  params: Readonly<Record<string, string>>,
) => Response | Promise<Response>;

/** Answers each method with what the route has for it. */
export function createMethods(answers: ReadonlyMap<string, Answer>): Answer {
  const names = new Set(answers.keys());
  if (names.has("GET")) names.add("HEAD");
  names.add("OPTIONS");
  const allow = [...names].join(", ");
  return (request, tools, params) => {
    const { method } = request;
    const found = answers.get(method) ?? (method === "HEAD" ? answers.get("GET") : undefined);
    if (found !== undefined) return found(request, tools, params);
    if (method === "OPTIONS") return new Response(null, { status: 204, headers: { allow } });
    const headers = { allow, "content-type": "text/plain; charset=utf-8" };
    return new Response(`Expected method ${allow}, got ${method}`, { status: 405, headers });
  };
}
