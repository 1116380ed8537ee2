// Pages from a file of HTML with `${name}` where values go.
//
// 1. Values are escaped by the rule of `html`: a value that is `Html` is put in as it is, and any
//    other is text. That is right in text and in quoted attributes, so a name in an attribute
//    without quotes is refused.
// 2. Scripts, styles and comments are left alone: no escaping makes a value safe there, and `${` in
//    a script is JavaScript's own.
// 3. The file is read once. It is looked at again with the first page after 100 ms, and read again
//    when it has changed: that costs nothing under load, shows each change at the next reload, and
//    needs nothing that says whether this is development.

import { formatValue, Html } from "../server/html.ts";
import type { TemplateFile } from "./folder.ts";

/** Milliseconds for which the file counts as unchanged. */
const LOOK_AFTER = 100;

/** Values by the names that stand in the file. */
export type HtmlValues = Readonly<Record<string, unknown>>;

/** A page in a file; see `htmlFile()`. */
export interface HtmlFile {
  /**
   * The page as HTML, to be put into another one.
   *
   * @param values A value for each name in the file.
   * @returns The HTML. Rejects with an Error when there is no such file, when a name in it has no
   * value, or when what it has for one is malformed.
   */
  render(values?: HtmlValues): Promise<Html>;
  /**
   * The page as a response.
   *
   * @param values A value for each name in the file.
   * @param init Status and header fields. Default: 200 and none.
   * @returns The response. Rejects as `render()` does.
   */
  respond(values?: HtmlValues, init?: ResponseInit): Promise<Response>;
}

/** Text, and the names between: one text more than names. */
interface Template {
  readonly texts: readonly string[];
  readonly names: readonly string[];
  readonly path: string;
  readonly stamp: string;
}

/**
 * Makes a page of a file.
 *
 * @param open Gives the file when it is first needed.
 * @param now Tells the time in milliseconds.
 */
export function createHtmlFile(
  open: () => Promise<TemplateFile>,
  now: () => number = () => performance.now(),
): HtmlFile {
  let template: Promise<Template> | undefined;
  let lookedAt = -Infinity;
  const load = (): Promise<Template> => {
    if (template === undefined || now() - lookedAt >= LOOK_AFTER) {
      lookedAt = now();
      template = look(open, template);
    }
    return template;
  };
  const render = async (values: HtmlValues = {}): Promise<Html> => fill(await load(), values);
  return {
    render,
    respond: async (values, init) => (await render(values)).toResponse(init),
  };
}

async function look(
  open: () => Promise<TemplateFile>,
  before: Promise<Template> | undefined,
): Promise<Template> {
  const known = await before?.catch(() => undefined);
  const file = await open();
  const { path } = file;
  const stamp = await file.stamp();
  if (stamp === undefined) {
    throw new Error(
      `Expected a file at ${path}, found none: give htmlFile() a path from the working directory, ` +
        "or new URL(name, import.meta.url)",
    );
  }
  return known?.stamp === stamp ? known : parseTemplate(await file.read(), path, stamp);
}

function fill({ texts, names, path }: Template, values: HtmlValues): Html {
  let page = texts[0]!;
  for (const [i, name] of names.entries()) {
    if (!Object.hasOwn(values, name)) {
      const given = Object.keys(values).join(", ") || "none";
      throw new Error(
        `Expected a value for \${${name}} in ${path}, got ${given}: add it to the call, or write ` +
          `\\\${${name}} in the file for the text itself`,
      );
    }
    page += formatValue(values[name]) + texts[i + 1]!;
  }
  return new Html(page);
}

/** A comment, or what is in a script or a style. */
const LEFT_ALONE = /<!--[^]*?-->|(<(script|style)\b[^>]*>)([^]*?)(?=<\/\2)/gi;

/** `${name}`, `\${`, or the beginning of what is malformed. */
const PLACE = /\\\$\{|\$\{([^}\n]*)(\}?)/g;

function parseTemplate(text: string, path: string, stamp: string): Template {
  const alone = [...text.matchAll(LEFT_ALONE)].map(({ 0: all, 1: tag = "", index }) =>
    [index + tag.length, index + all.length] as const
  );
  const texts: string[] = [];
  const names: string[] = [];
  let piece = "";
  let at = 0;
  for (const { 0: all, 1: name, 2: end, index } of text.matchAll(PLACE)) {
    if (alone.some(([from, to]) => index >= from && index < to)) continue;
    piece += text.slice(at, index);
    at = index + all.length;
    if (name === undefined) {
      piece += "${";
      continue;
    }
    const mistake = whyNotPlace(name, end, text.slice(0, index));
    if (mistake !== undefined) {
      const line = text.slice(0, index).split("\n").length;
      throw new Error(`${mistake}, got ${all} in line ${line} of ${path}`);
    }
    texts.push(piece);
    names.push(name);
    piece = "";
  }
  return { texts: [...texts, piece + text.slice(at)], names, path, stamp };
}

function whyNotPlace(name: string, end: string | undefined, before: string): string | undefined {
  if (end === "" || !/^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(name)) {
    return "Expected ${name}, with \\${ for the text itself";
  }
  const tag = /<[a-z/][^<>]*$/i.exec(before)?.[0];
  if (tag === undefined || /["']/.test(tag.replace(/"[^"]*"|'[^']*'/g, ""))) return undefined;
  return 'Expected quotes around the value of an attribute, as in title="${title}"';
}
