// Files as Responses, for any file system.
//
// 1. A path is decoded once, split, and refused as a whole unless each segment is a plain name:
//    nothing empty, nothing that begins with a dot, no backslash, no NUL. So neither `..`, however
//    encoded, nor a dotfile ever gets to the file system, which still has to keep symbolic links
//    inside the folder.
// 2. A path that is refused gets 404, like a file that is not there.
// 3. A file that was opened is closed, whether or not its body is asked for.
// 4. One file, which the program names, is answered with by the same rules, except those for paths.

import type { FetchTools } from "../server/context.ts";
import { judgeConditions, type Validators } from "./conditional_request.ts";
import type { Folder, OpenFile } from "./folder.ts";
import { mediaType } from "./media_type.ts";
import {
  checkOptions,
  kind,
  type OptionTable,
  text as textRule,
  without,
} from "../util/check_options.ts";

/** How one file is answered with; see `serveFile()`. */
export interface SingleFileOptions {
  /**
   * The value of `Cache-Control`, or a function that gives it for a file: undefined for none. A
   * function gets the path of the file within its folder, such as "assets/app.js". Default:
   * "no-cache", so that each use asks whether the file has changed, and for a name with a version
   * "max-age=31536000, immutable". A version is eight or more hexadecimal digits, letters and
   * figures among them, between dots or dashes: "app.3f9a2c1b.js".
   */
  readonly cacheControl?: string | ((path: string) => string | undefined);
}

/** How files are found and named; see `serveFiles()`. */
export interface FileOptions extends SingleFileOptions {
  /**
   * The beginning of the paths that does not belong to the names of the files: with "/static/",
   * "/static/a.css" is the file "a.css". A route whose pattern ends in `*` needs no prefix: what
   * `*` stands for is the name. Default: "/".
   */
  readonly prefix?: string;
  /** The name of the file for a path that ends in a slash. Default: "index.html". */
  readonly index?: string;
}

/** What each of these may be. */
export const FILE_OPTIONS: OptionTable<FileOptions> = {
  cacheControl: kind("a string or a function", (value) => {
    return typeof value === "string" || typeof value === "function";
  }),
  prefix: textRule,
  index: textRule,
};

/** What each option of one file may be. */
export const SINGLE_FILE_OPTIONS: OptionTable<SingleFileOptions> = /* @__PURE__ */ without(
  FILE_OPTIONS,
  "prefix",
  "index",
);

/** Answers requests with files; a function for `routes` and `fetch`. */
export type FileHandler = (
  request: Request,
  tools?: Partial<FetchTools> & { readonly params?: Readonly<Record<string, string>> },
) => Promise<Response>;

/**
 * Makes the function that answers with the files of a folder.
 *
 * @param folder The folder, opened when it is first needed.
 * @param options How files are found.
 * @throws {TypeError} When the prefix does not begin with a slash, or the index is no name of a
 * file.
 */
export function createFileHandler(
  folder: () => Promise<Folder>,
  options: FileOptions = {},
): FileHandler {
  checkOptions("serveFiles()", options, FILE_OPTIONS);
  const { prefix, index = "index.html" } = options;
  if (prefix !== undefined && !prefix.startsWith("/")) {
    throw new TypeError(
      `Expected prefix to begin with "/", got ${JSON.stringify(prefix)}`,
    );
  }
  if (!isName(index)) {
    throw new TypeError(`Expected index to be the name of a file, got ${JSON.stringify(index)}`);
  }
  const start = prefix === undefined || prefix.endsWith("/") ? prefix : `${prefix}/`;
  return async (request, tools) => {
    const refusal = refuseMethod(request);
    if (refusal !== undefined) return refusal;
    const { pathname, search } = new URL(request.url);
    const path = (start === undefined ? tools?.params?.["*"] : undefined) ??
      decodePath(pathname, start ?? "/");
    const names = path === undefined ? undefined : splitPath(path, index);
    const file = names === undefined ? undefined : await (await folder()).open(names);
    if (names === undefined || file === undefined) return text(404, "Not found");
    if (file !== "folder") {
      return await respond(request, file, names.join("/"), options.cacheControl);
    }
    // Relative links in the index need the slash. No segment is empty, so the path is none of
    // another host.
    return pathname.endsWith("/")
      ? text(404, "Not found")
      : text(301, "", { location: `${pathname}/${search}` });
  };
}

/**
 * Makes the function that answers with one file.
 *
 * @param name The name of the file.
 * @param open Opens it.
 * @param options How it is cached.
 */
export function createSingleFileHandler(
  name: string,
  open: () => Promise<OpenFile | undefined>,
  options: SingleFileOptions = {},
): FileHandler {
  checkOptions("serveFile()", options, SINGLE_FILE_OPTIONS);
  return async (request) => {
    const refusal = refuseMethod(request);
    if (refusal !== undefined) return refusal;
    const file = await open();
    if (file === undefined) return text(404, "Not found");
    return await respond(request, file, name, options.cacheControl);
  };
}

function refuseMethod({ method }: Request): Response | undefined {
  if (method === "GET" || method === "HEAD") return undefined;
  return text(405, `Expected method GET or HEAD, got ${method}`, { allow: "GET, HEAD" });
}

function decodePath(pathname: string, prefix: string): string | undefined {
  if (!pathname.startsWith(prefix)) return undefined;
  try {
    return decodeURIComponent(pathname.slice(prefix.length));
  } catch {
    return undefined;
  }
}

/** The names along a path; undefined when one of them must not be served. */
function splitPath(path: string, index: string): readonly string[] | undefined {
  const names = path.split("/");
  if (names.at(-1) === "") names[names.length - 1] = index;
  return names.every(isName) ? names : undefined;
}

function isName(name: string): boolean {
  return name !== "" && !name.startsWith(".") && !/[\\/\0]/.test(name);
}

async function respond(
  request: Request,
  file: OpenFile,
  path: string,
  cacheControl: FileOptions["cacheControl"] = defaultCacheControl,
): Promise<Response> {
  const validators = validatorsOf(file);
  const { size, etag, modified } = validators;
  const verdict = judgeConditions(request.method, request.headers, validators);
  const { status } = verdict;
  const headers = new Headers({
    etag,
    "last-modified": new Date(modified).toUTCString(),
    "accept-ranges": "bytes",
  });
  let [start, end] = [0, size];
  if (verdict.status === 206) {
    ({ start, end } = verdict);
    headers.set("content-range", `bytes ${start}-${end - 1}/${size}`);
  }
  const isContent = status === 200 || status === 206;
  const control = typeof cacheControl === "string" ? cacheControl : cacheControl(path);
  // RFC 9110 section 15.4.5: a 304 has it too.
  if (control !== undefined && (isContent || status === 304)) headers.set("cache-control", control);
  if (isContent) {
    headers.set("content-type", mediaType(path));
    headers.set("content-length", String(end - start));
    // Otherwise a browser may take a text that a user has uploaded for a page.
    headers.set("x-content-type-options", "nosniff");
  }
  if (isContent && request.method === "GET" && end > start) {
    return new Response(file.read(start, end), { status, headers });
  }
  await file.close();
  // RFC 9110 section 15.5.17
  if (status === 416) headers.set("content-range", `bytes */${size}`);
  return new Response(null, { status, headers });
}

/** The name of a file whose content never changes: its version is in the name. */
const VERSIONED = /[.-](?=[a-f]*\d)(?=\d*[a-f])[\da-f]{8,}[.-][^/]*$/i;

// Without "public", which would let shared caches keep what was sent to a user who is logged in.
function defaultCacheControl(path: string): string {
  return VERSIONED.test(path) ? "max-age=31536000, immutable" : "no-cache";
}

/**
 * The tag is weak, because two versions of the same size within one tick of the file system's clock
 * have the same.
 */
function validatorsOf({ size, modified }: OpenFile): Validators {
  const tag = `${size.toString(16)}-${Math.floor(modified).toString(16)}`;
  return { size, modified, etag: `W/"${tag}"` };
}

function text(status: number, body: string, headers: Record<string, string> = {}): Response {
  return new Response(body, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", ...headers },
  });
}
