// Reads the project's sources as text, for the tests that hold their structure.
// Comments and imports are found with regular expressions: exact enough for our own code, which
// `deno fmt` keeps in one form, and the same on every runtime.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";

const root = new URL("../../", import.meta.url);

/** The text of a file, by its path from the top level. */
export function read(path: string): string {
  return readFileSync(new URL(path, root), "utf8");
}

/** The JSON of a file, by its path from the top level. */
export function readJson<T>(path: string): T {
  return JSON.parse(read(path)) as T;
}

/**
 * The paths of the files under a folder that end in one of `endings`, sorted; none if it does not
 * exist. Hidden folders in it are left out: other tests make some, and remove them meanwhile.
 */
export function list(folder: string, ...endings: string[]): string[] {
  const path = fileURLToPath(new URL(folder, root));
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .flatMap((entry) => {
      const found = posix.join(folder, entry.name);
      if (entry.isDirectory()) return entry.name.startsWith(".") ? [] : list(found, ...endings);
      return endings.some((ending) => entry.name.endsWith(ending)) ? [found] : [];
    })
    .sort();
}

/** One import or re-export. */
export interface Import {
  /** As written. */
  readonly specifier: string;
  /** The path from the top level if the specifier is relative; else as written. */
  readonly target: string;
  /** Whether it vanishes when compiled. */
  readonly typeOnly: boolean;
}

/** The imports and re-exports of a module, static and dynamic. */
export function imports(path: string): Import[] {
  const code = withoutComments(read(path));
  const found: Import[] = [];
  const add = (specifier: string, typeOnly: boolean): void => {
    const target = specifier.startsWith(".")
      ? posix.join(posix.dirname(path), specifier)
      : specifier;
    found.push({ specifier, target, typeOnly });
  };
  const static_ = /^(?:import|export)\s+(type\s)?(?:[\w*{][^"';]*?\sfrom\s*)?["']([^"']+)["']/gm;
  for (const [, type, specifier = ""] of code.matchAll(static_)) add(specifier, type !== undefined);
  for (const [, specifier = ""] of code.matchAll(/\bimport\(\s*["'`]([^"'`]+)["'`]/g)) {
    add(specifier, false);
  }
  return found;
}

const stringOrComment = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\/\/[^\n]*|\/\*[^]*?\*\//g;

/** Code without its comments. */
export function withoutComments(code: string): string {
  return code.replace(stringOrComment, (match) => match.startsWith("/") ? " " : match);
}

/** Code without its comments, and with quoted strings emptied. */
export function withoutCommentsAndStrings(code: string): string {
  return code.replace(stringOrComment, (match) => match.startsWith("/") ? " " : '""');
}
