// Pages by template literals: what is put into one is escaped, unless it is HTML already.
//
// The five characters that mean something in text and in quoted attributes are escaped. Nothing
// makes a value safe in a script, a style, an attribute without quotes or a URL: put no foreign
// values there.

import { brand } from "../util/brands.ts";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text that is HTML; see {@linkcode html}. */
export class Html {
  readonly #text: string;

  /** Takes text that is HTML already, and that the application itself has written. */
  constructor(text: string) {
    this.#text = text;
  }

  static {
    brand(this, "Html");
  }

  /** The HTML. */
  toString(): string {
    return this.#text;
  }

  /**
   * The HTML as a response, with its content type.
   *
   * @param init Status and header fields. Default: 200 and none.
   */
  toResponse(init?: ResponseInit): Response {
    const headers = new Headers(init?.headers);
    if (!headers.has("content-type")) headers.set("content-type", "text/html; charset=utf-8");
    return new Response(this.#text, { ...init, headers });
  }
}

/**
 * Makes HTML of a template literal. Values are escaped for text and quoted attributes; what `html`
 * made is put in as it is, a list item by item, and undefined, null and false as nothing.
 *
 * @param parts The literal's own text, taken as HTML.
 * @param values What stands between.
 * @returns The HTML.
 *
 * @example
 * ```ts
 * import { html } from "@sansocket/ws";
 *
 * const names = ["Ann", "<Bob>"];
 * const page = html`<ul>${names.map((name) => html`<li>${name}</li>`)}</ul>`;
 * console.log(String(page)); // <ul><li>Ann</li><li>&lt;Bob&gt;</li></ul>
 * ```
 */
export function html(parts: TemplateStringsArray, ...values: readonly unknown[]): Html {
  let text = parts[0] ?? "";
  for (const [i, value] of values.entries()) text += formatValue(value) + parts[i + 1];
  return new Html(text);
}

/** A value as HTML: escaped, unless it is HTML already. */
export function formatValue(value: unknown): string {
  if (value instanceof Html) return value.toString();
  if (Array.isArray(value)) return value.map(formatValue).join("");
  if (value === undefined || value === null || value === false) return "";
  return String(value).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
