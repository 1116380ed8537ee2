// One test source, three runtimes: `test()` is vitest's on Node, `Deno.test` on Deno, `bun:test`'s on Bun.

type Body = () => void | Promise<void>;
interface Options {
  /** Why the test cannot run here; the test is then counted as skipped. */
  skip?: string | false | undefined;
  /** Milliseconds; 60,000 unless told. */
  timeout?: number;
}

interface Runner {
  run(name: string, body: Body, timeout: number): void;
  skip(name: string): void;
}

const global = globalThis as {
  Deno?: { test: { (name: string, body: Body): void; ignore(name: string, body: Body): void } };
  Bun?: unknown;
};

/** The runtime that the tests run on. */
export const runtime: "node" | "deno" | "bun" = global.Deno ? "deno" : global.Bun ? "bun" : "node";

const runner: Runner = await load();

async function load(): Promise<Runner> {
  if (global.Deno) {
    const { test } = global.Deno;
    return { run: (name, body) => test(name, body), skip: (name) => test.ignore(name, () => {}) };
  }
  const library = global.Bun ? "bun:test" : "vitest";
  const { test } = await import(/* @vite-ignore */ library) as {
    test: { (name: string, body: Body, timeout: number): void; skip(name: string, b: Body): void };
  };
  return {
    run: (name, body, timeout) => test(name, body, timeout),
    skip: (name) => test.skip(name, () => {}),
  };
}

/** How many tests there are so far: .ci/deno_tests.mjs asks, to know which file has how many. */
export let registered = 0;

/** Registers one test; its name is "symbol criterion". */
export function test(name: string, body: Body, options: Options = {}): void {
  registered++;
  if (options.skip) runner.skip(`${name} (skipped: ${options.skip})`);
  else runner.run(name, body, options.timeout ?? 60_000);
}
