// The form that a page has sent, in one call: fields and files, by name.
//
// 1. What is no form, or too large, is the client's mistake: an error that `serve()` answers with
//    400 or 413, unless the application catches it.
// 2. The whole body is in memory, so it is bounded: its octets as they come, not as
//    Content-Length says, and the number of its fields.
// 3. A form with GET has its fields in the address, so they are read from there.

import { brand } from "../util/brands.ts";
import { type Bytes, concat } from "../util/bytes.ts";
import { checkOptions, number, type OptionTable, withDefaults } from "../util/check_options.ts";
import { boundaryOf, type FormPart, readMultipart } from "../http/multipart.ts";
import { BODY_MISTAKE, type BodyMistake } from "./server_request.ts";

/** How much of a form is read. */
export interface FormOptions {
  /**
   * Octets of the body; a larger one gets 413. A server's own limit, `maxBodySize`, comes first.
   * Default: 1,048,576.
   */
  readonly maxSize?: number;
  /** Fields and files; more get 413. Default: 1,000. */
  readonly maxFields?: number;
}

/** What each of these may be. */
export const FORM_OPTIONS: OptionTable<FormOptions> = {
  maxSize: number("octets"),
  maxFields: number(""),
};

/** The defaults. */
export const FORM_DEFAULTS: Required<FormOptions> = { maxSize: 1_048_576, maxFields: 1_000 };

/** Why a request has no form that can be read: the client's mistake. */
export class FormError extends Error {
  /** How to answer: 400 for what is no form, 413 for what is too large. */
  readonly status: 400 | 413;

  static {
    brand(this, "FormError");
    Object.defineProperty(this.prototype, BODY_MISTAKE, {
      get(this: FormError): BodyMistake {
        return { status: this.status, reason: this.message };
      },
    });
  }

  /** Made by `readForm()`. */
  constructor(status: 400 | 413, message: string) {
    super(message);
    this.name = "FormError";
    this.status = status;
  }
}

/** The fields and files of a form, in the order of the page. */
export interface Form extends Iterable<readonly [name: string, value: string | File]> {
  /** The text of the first field with this name; undefined when there is none. */
  get(name: string): string | undefined;
  /** The text of the first field with this name, or what stands in for it. */
  get(name: string, fallback: string): string;
  /** The texts of all fields with this name: of check boxes, for example. */
  getAll(name: string): readonly string[];
  /** The first file with this name; undefined when the user has chosen none. */
  file(name: string): File | undefined;
  /** All files with this name. */
  files(name: string): readonly File[];
  /** Whether there is a field or a file with this name. */
  has(name: string): boolean;
}

class FormEntries implements Form {
  readonly #entries: readonly (readonly [string, string | File])[];

  constructor(entries: readonly (readonly [string, string | File])[]) {
    this.#entries = entries;
  }

  get(name: string): string | undefined;
  get(name: string, fallback: string): string;
  get(name: string, fallback?: string): string | undefined {
    return this.getAll(name)[0] ?? fallback;
  }

  getAll(name: string): readonly string[] {
    return this.#values(name).filter((value) => typeof value === "string");
  }

  file(name: string): File | undefined {
    return this.files(name)[0];
  }

  files(name: string): readonly File[] {
    return this.#values(name).filter((value) => typeof value !== "string");
  }

  has(name: string): boolean {
    return this.#values(name).length > 0;
  }

  [Symbol.iterator](): Iterator<readonly [string, string | File]> {
    return this.#entries[Symbol.iterator]();
  }

  #values(name: string): readonly (string | File)[] {
    return this.#entries.filter(([own]) => own === name).map(([, value]) => value);
  }
}

/**
 * Reads the form that a request brings: `application/x-www-form-urlencoded` or
 * `multipart/form-data`, as a page sends it, with UTF-8. Of a request with GET it reads the fields
 * in the address.
 *
 * @param request The request; its body has not been read.
 * @param options How much is read.
 * @returns The form. Rejects with {@linkcode FormError} when the request brings none or too much,
 * which `serve()` answers with 400 or 413 unless the application catches it; with what reading the
 * body failed with, when it broke off; with a TypeError when an option is unknown or of the wrong
 * kind, or the body has been read already; with a RangeError when a limit is out of its range.
 *
 * @example
 * ```ts
 * import { readForm, serve } from "@sansocket/ws";
 *
 * await using server = await serve({
 *   port: 0,
 *   routes: {
 *     "/hello": {
 *       POST: async (request) => {
 *         const form = await readForm(request);
 *         return new Response(`Hello, ${form.get("name", "stranger")}`);
 *       },
 *     },
 *   },
 * });
 * const body = new URLSearchParams({ name: "Ann" });
 * const response = await fetch(new URL("/hello", server.url), { method: "POST", body });
 * console.log(await response.text()); // Hello, Ann
 * ```
 */
export async function readForm(request: Request, options: FormOptions = {}): Promise<Form> {
  checkOptions("readForm()", options, FORM_OPTIONS);
  const { maxSize, maxFields } = withDefaults(options, FORM_DEFAULTS);
  if (request.method === "GET" || request.method === "HEAD") {
    return readFields(new URL(request.url).search.slice(1), maxFields);
  }
  if (request.bodyUsed || request.body?.locked) {
    throw new TypeError(
      "Expected a request whose body has not been read: call readForm() once, and first",
    );
  }
  const contentType = request.headers.get("content-type") ?? "";
  const [, type = ""] = /^[ \t]*([^\s;]*)/.exec(contentType) ?? [];
  const boundary = boundaryOf(contentType);
  const isMultipart = type.toLowerCase() === "multipart/form-data" && boundary !== undefined;
  if (!isMultipart && type.toLowerCase() !== "application/x-www-form-urlencoded") {
    const got = contentType === "" ? "none" : JSON.stringify(contentType.slice(0, 100));
    throw new FormError(
      400,
      "Expected a form: Content-Type application/x-www-form-urlencoded, or multipart/form-data " +
        `with a boundary, got ${got}`,
    );
  }
  const body = await readBody(request, maxSize);
  if (!isMultipart) return readFields(new TextDecoder().decode(body), maxFields);
  const parts = readMultipart(body, boundary, maxFields);
  if ("reason" in parts) {
    throw new FormError(parts.tooMany ? 413 : 400, `Expected a form with ${parts.reason}`);
  }
  return new FormEntries(parts.filter(isFilled).map((part) => [part.name, valueOf(part)]));
}

function readFields(text: string, maxFields: number): Form {
  // Counted before it is split: an empty piece makes no field, but costs as much.
  let pieces = 1;
  for (let at = text.indexOf("&"); at >= 0; at = text.indexOf("&", at + 1)) pieces++;
  if (pieces > maxFields) {
    throw new FormError(413, `Expected a form with at most ${maxFields} fields`);
  }
  return new FormEntries([...new URLSearchParams(text)]);
}

async function readBody(request: Request, maxSize: number): Promise<Bytes> {
  const tooLarge = (): FormError =>
    new FormError(413, `Expected a form of at most ${maxSize} octets (maxSize)`);
  if (Number(request.headers.get("content-length")) > maxSize) throw tooLarge();
  const pieces: Bytes[] = [];
  let size = 0;
  const reader = request.body?.getReader();
  for (;;) {
    const { done, value } = await reader?.read() ?? { done: true };
    if (done) return concat(pieces);
    size += value.length;
    if (size > maxSize) {
      reader?.cancel().catch(() => {});
      throw tooLarge();
    }
    pieces.push(value);
  }
}

/** A file that the user has not chosen is sent without a name and empty. */
function isFilled({ filename, content }: FormPart): boolean {
  return filename !== "" || content.length > 0;
}

function valueOf({ filename, type, content }: FormPart): string | File {
  if (filename === undefined) return new TextDecoder().decode(content);
  return new File([content], filename, { type: type || "application/octet-stream" });
}
