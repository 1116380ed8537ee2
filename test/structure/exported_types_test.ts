// What the signatures of an entry point name can be imported from it: users write such types down.
//
// Read with the TypeScript compiler: the type names that stand in the declarations of all exports, without private
// members and what functions do inside. Of a class that is extended, and of an interface, the members count too.

import { assertEquals, assertGreater } from "@std/assert";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";
import { root } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";
import { readJson } from "./sources.ts";

const entries = Object.values(readJson<{ exports: Record<string, string> }>("jsr.json").exports);
const config = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile).config;
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
const skip = runtime !== "node" && "the types are the same on all three runtimes";
const program = ts.createProgram(skip ? [] : entries.map((path) => join(root, path)), options);
const checker = program.getTypeChecker();

/** What a name stands for, whatever it was imported as. */
function target(symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

/** Whether a name belongs to this package, and is no parameter of a type. */
function isOurs(symbol: ts.Symbol): boolean {
  const [declaration] = symbol.declarations ?? [];
  if (declaration === undefined || ts.isTypeParameterDeclaration(declaration)) return false;
  const path = relative(root, declaration.getSourceFile().fileName);
  return !path.startsWith("..") && !path.startsWith("node_modules");
}

/** Calls `visit` with each type name in what a declaration says to those who use it. */
function visitNames(node: ts.Node, visit: (name: ts.Node, symbol: ts.Symbol) => void): void {
  if (ts.isBlock(node) || ts.isClassStaticBlockDeclaration(node)) return;
  if (ts.isClassElement(node)) {
    if (node.name !== undefined && ts.isPrivateIdentifier(node.name)) return;
    if (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Private) return;
  }
  // Of what has a type, the value says nothing more.
  if ((ts.isVariableDeclaration(node) || ts.isPropertyDeclaration(node)) && node.type) {
    return visitNames(node.type, visit);
  }
  const name = ts.isTypeReferenceNode(node)
    ? node.typeName
    : ts.isExpressionWithTypeArguments(node)
    ? node.expression
    : ts.isTypeQueryNode(node)
    ? node.exprName
    : undefined;
  const symbol = name && checker.getSymbolAtLocation(name);
  if (symbol !== undefined) visit(name!, target(symbol));
  ts.forEachChild(node, (child) => visitNames(child, visit));
}

/** All that an entry point exports. */
function exportsOf(path: string): ts.Symbol[] {
  const module = checker.getSymbolAtLocation(program.getSourceFile(join(root, path))!)!;
  return checker.getExportsOfModule(module);
}

/** The names that the exports of an entry point use and that it does not export. */
function missing(path: string): string[] {
  const exported = new Set(exportsOf(path).map(target));
  assertGreater(exported.size, 0);
  const found = new Set<string>();
  for (const symbol of exported) {
    for (const declaration of symbol.declarations ?? []) {
      visitNames(declaration, (name, used) => {
        if (isOurs(used) && !exported.has(used)) found.add(`${symbol.name}: ${name.getText()}`);
      });
    }
  }
  return [...found].sort();
}

for (const path of entries) {
  test(`${path} exports the types that it names`, () => assertEquals(missing(path), []), { skip });

  test(`${path} exports no class or constant as a type only`, async () => {
    // Of those the bundled types say that they are there.
    const module: Record<string, unknown> = await import(pathToFileURL(join(root, path)).href);
    const values = exportsOf(path).filter((symbol) => target(symbol).flags & ts.SymbolFlags.Value);
    assertGreater(values.length, 0);
    assertEquals(values.filter(({ name }) => !(name in module)).map(({ name }) => name), []);
  }, { skip });
}
