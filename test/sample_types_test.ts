// The types of the samples that test/readme_test.ts runs, by the strict rules of the compiler.
//
// The programs for Deno and Bun are left out, because the types of their globals are not installed.

import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { type Block, blocksOf, isSample, pages } from "./support/code_blocks.ts";
import { root } from "./support/process.ts";
import { runtime, test } from "./support/test.ts";

const samples = pages.flatMap((page) => blocksOf(page)).filter((block) =>
  isSample(block) && block.language === "ts" && !/deno|bun/.test(block.kind)
);

test("samples of the pages have the types that they need", async () => {
  const { default: ts } = await import("typescript");
  const config = ts.getParsedCommandLineOfConfigFile(join(root, "tsconfig.json"), {
    declaration: false,
    isolatedDeclarations: false,
    noUncheckedIndexedAccess: false,
  }, { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => {} });
  const { options = {} } = config ?? {};
  // They stand where the examples do, where the package's name resolves.
  const files = new Map<string, Block>(
    samples.map((sample, i) => [join(root, "examples", `sample-${i + 1}.ts`), sample]),
  );
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path)?.code ?? readFile(path);
  host.getSourceFile = (path, version, ...rest) => {
    const code = files.get(path)?.code;
    return code === undefined
      ? getSourceFile(path, version, ...rest)
      : ts.createSourceFile(path, code, version);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  const found = [...files].flatMap(([path, { page, line }]) => {
    const source = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
      .map(({ start = 0, messageText }) => {
        const within = source?.getLineAndCharacterOfPosition(start).line ?? 0;
        const text = ts.flattenDiagnosticMessageText(messageText, " ");
        return `${page}:${line + within + 1} ${text}`;
      });
  });
  assertEquals(found, []);
}, { skip: runtime !== "node" && "one compiler is enough", timeout: 180_000 });
