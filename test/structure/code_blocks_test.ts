// Each code block of the pages is run, checked, or says why it is not. Which it is, is counted, and
// printed by class; what is wrong with a block is said with its page and line.
//
// The checks of whole languages are here. They judge what a reader would copy: the commands of "sh"
// exist, the syntax of the others is right.

import { assert, assertEquals } from "@std/assert";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createRequestParser, createResponseParser } from "../../src/http/head.ts";
import { type Block, blocksOf, checked, isSample, pages, takerOf } from "../support/code_blocks.ts";
import { findExecutable, root } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";
import { read, readJson } from "./sources.ts";

const blocks = pages.flatMap((page) => blocksOf(page));

/** What test/readme_test.ts does with each kind. */
const kinds: Readonly<Record<string, string>> = {
  "ts": "run on Node, Deno and Bun",
  "ts node": "run on Node, whose own API it shows",
  "ts deno": "run on Deno, whose own API it shows",
  "ts bun": "run on Bun, whose own API it shows",
  "ts redis": "run on Node, Deno and Bun, with Redis",
  "ts nats": "run on Node, Deno and Bun, with NATS",
  "python run": "run by Python",
};

/** What is done with a block, by all that have it. */
function classesOf(block: Block): string[] {
  const { kind, language, mark } = block;
  const taker = takerOf(block);
  return [
    ...(mark === undefined ? [] : [`not run: ${mark}`]),
    ...(taker === undefined ? [] : [`taken by ${taker}`]),
    ...(isSample(block) ? [kinds[kind] ?? kind] : []),
    ...(taker === undefined && checked.includes(language) && kind === language
      ? [`${language}: checked by its syntax${language === "sh" ? " and commands" : ""}`]
      : []),
  ];
}

const place = ({ page, line, kind }: Block): string => `${page}:${line} \`\`\`${kind}`;

test("a code block is run, or checked, or says why it is not", () => {
  const counts = new Map<string, number>();
  const wrong: string[] = [];
  for (const block of blocks) {
    const [only = "", ...more] = classesOf(block);
    if (more.length > 0) wrong.push(`${place(block)} is both: ${only}; ${more.join("; ")}`);
    if (only === "") {
      wrong.push(
        `${place(block)} is neither run nor checked: see the head of test/readme_test.ts`,
      );
    }
    counts.set(only, (counts.get(only) ?? 0) + 1);
  }
  assertEquals(wrong, []);
  assert(blocks.length > 100);
  const lines = [...counts].sort().map(([name, count]) => `${`${count}`.padStart(6)} ${name}`);
  console.log([`Code blocks: ${blocks.length} on ${pages.length} pages`, ...lines].join("\n"));
});

const once = runtime !== "node" && "a text is read: one runtime is enough";

test("a mark of a code block stands before a code block", () => {
  const marks = pages.flatMap((page) => read(page).match(/<!-- not run: /g) ?? []);
  assertEquals(marks.length, blocks.filter(({ mark }) => mark !== undefined).length);
});

test("a code fence that is opened is closed", () => {
  for (const page of pages) {
    const fences = read(page).match(/^ *(?:`{3,}|~{3,})/gm) ?? [];
    assertEquals(fences.length, 2 * blocksOf(page).length, page);
  }
});

test("a code block is one by the rules of Markdown, and none escapes", async () => {
  // A block in a quotation, one behind the mark of a list, and one that is only indented have no
  // kind that a test could find.
  const { default: MarkdownIt } = await import("markdown-it");
  const markdown = new MarkdownIt();
  for (const page of pages) {
    // What stands before the first heading may be the settings of the site.
    const text = read(page).replace(/^---\n[^]*?\n---\n/, (head) => head.replace(/.+/g, ""));
    const found = markdown.parse(text, {})
      .filter(({ type }) => type === "fence" || type === "code_block")
      .map(({ map, info }) => `${page}:${(map?.[0] ?? 0) + 1} ${info.trim()}`);
    assertEquals(found, blocksOf(page).map(({ line, kind }) => `${page}:${line} ${kind}`));
  }
}, { skip: once });

test("a code block looks up no name in an object literal, which has more names than its own", () => {
  // `{ t0ken: "Ann" }["constructor"]` is a function: with it anyone is a user.
  const found = blocks.filter(({ language }) => language === "ts" || language === "js")
    .filter(({ code }) => /\}\s*\)?\[[a-z]\w*\]/.test(code));
  assertEquals(found.map(place), []);
});

/** The blocks of a language that are checked here. */
const of = (language: string): Block[] =>
  blocks.filter((block) => block.kind === language && takerOf(block) === undefined);

/** Checks each block by itself, so that one message has all that is wrong. */
function check(language: string, faultOf: (block: Block) => string | undefined): void {
  const found = of(language).flatMap((block) => {
    const fault = faultOf(block);
    return fault === undefined || fault === "" ? [] : [`${place(block)}: ${fault}`];
  });
  assertEquals(found, []);
}

/** Checks a block by a program that reads it and prints what is wrong. */
function judge(executable: string, args: readonly string[], { code }: Block): string | undefined {
  const { status, stderr } = spawnSync(executable, args, { input: code, encoding: "utf8" });
  return status === 0 ? undefined : stderr || `status ${status}`;
}

const bash = findExecutable(["bash"]);

test("a code block of sh has the syntax of a shell", () => {
  check("sh", (block) => judge(bash!, ["-n"], block));
}, { skip: once || bash === undefined && "no bash" });

const { scripts } = readJson<{ scripts: Record<string, string> }>("package.json");

/** Commands of a reader's own system, and what npm has besides scripts. */
const known = {
  programs: ["node", "deno", "bun", "python3", "cd", "mkdir", "git", "docker", "curl", "systemctl"]
    .concat("nginx", "caddy", "haproxy", "openssl", "kill", "redis-server", "nats-server"),
  npm: ["install", "ci", "init", "pack", "pkg"],
};

/** What is wrong with one command of a block. */
function faultOfCommand(command: string, page: string): string | undefined {
  const words = command.trim().split(/\s+/);
  while (/^[A-Z_]+=/.test(words[0] ?? "")) words.shift();
  const [program = "", first = "", second = ""] = words;
  if (program === "npm") {
    const script = first === "run" ? second : known.npm.includes(first) ? undefined : first;
    if (script !== undefined && scripts[script] === undefined) return `no script ${script}`;
  } else if (program === "npx") {
    if (!existsSync(join(root, "node_modules/.bin", first))) return `no program ${first}`;
  } else if (!known.programs.includes(program)) {
    return `an unknown command, ${program}`;
  }
  // A path of this repository, or a file that the page names or has written before.
  const missing = words.slice(1).find((word, i) =>
    words[i] !== "--out" &&
    /^[\w.][\w./-]*\/[\w./-]*$|^[\w-]+\.(?:ts|mjs|js|json|md)$/.test(word) &&
    !word.startsWith("../") && !existsSync(join(root, word)) &&
    !read(page).includes(`\`${word.replace(/^\.\//, "")}\``) &&
    !read(page).includes(`--out ${word}`)
  );
  return missing && `no file ${missing}`;
}

test("a code block of sh has commands and files that exist", () => {
  check("sh", ({ code, page }) =>
    code.replaceAll("\\\n", " ").split("\n")
      .map((line) => line.replace(/(?:^|\s)#.*/, ""))
      .flatMap((line) => line.split(/&&|\|\|?|;/))
      .filter((command) => command.trim() !== "")
      .flatMap((command) => faultOfCommand(command, page) ?? [])
      .join(", "));
});

test("a code block of js has the syntax of a module", async () => {
  const { transformSync } = await import("esbuild");
  check("js", ({ code }) => {
    try {
      transformSync(code, { loader: "js", format: "esm", logLevel: "silent" });
      return undefined;
    } catch (error) {
      return String(error);
    }
  });
}, { skip: once });

const python = findExecutable(["python3"]);
/** Compiles each text of a list, and prints what is wrong with each. */
const compileAll = `import ast, json, sys
def fault(code):
    try: compile(code, "block", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError as error: return str(error)
print(json.dumps([fault(code) for code in json.load(sys.stdin)]))`;

test("a code block of python has the syntax of Python", () => {
  const found = of("python");
  const { stdout, stderr } = spawnSync(python!, ["-c", compileAll], {
    input: JSON.stringify(found.map(({ code }) => code)),
    encoding: "utf8",
  });
  assertEquals(stderr, "");
  const faults: (string | null)[] = JSON.parse(stdout);
  check(
    "python",
    (block) => faults[found.findIndex(({ code }) => code === block.code)] ?? undefined,
  );
}, { skip: once || python === undefined && "no python3" });

test("a code block of json is JSON", () => {
  check("json", ({ code }) => {
    try {
      JSON.parse(code);
      return undefined;
    } catch (error) {
      return String(error);
    }
  });
});

test("a code block of yaml is YAML", () => {
  const program = "Bun.YAML.parse(await Bun.stdin.text())";
  check("yaml", (block) => judge(join(root, "node_modules/.bin/bun"), ["-e", program], block));
}, { skip: once });

test("a code block of http is a head", () => {
  check("http", ({ code }) => {
    const parser = code.startsWith("HTTP/") ? createResponseParser() : createRequestParser();
    const text = code.trimEnd().replaceAll("\n", "\r\n") + "\r\n\r\n";
    const result = parser.push(new TextEncoder().encode(text));
    return result === undefined ? "it does not end" : "fault" in result ? result.fault.reason : "";
  });
});
