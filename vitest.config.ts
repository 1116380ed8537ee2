import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import tsconfig from "./tsconfig.json" with { type: "json" };

const paths: Record<string, string[]> = tsconfig.compilerOptions.paths;

/** What takes longest: first, so that no worker is left with it when the others are through. */
const slow =
  /\/test\/(?:conformance\/|pages\/|packaging\/|fuzz_|readme_|faults\/|interop\/(?:programs\/browser|scaling|chat_cluster))/;

class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSlow = ({ moduleId }: TestSpecification): boolean => slow.test(moduleId);
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))];
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*_test.ts"],
    testTimeout: 60_000,
    // Unless told it leaves a processor free; with two of them that doubles the time.
    maxWorkers: "100%",
    // All files of a worker share its modules, as they do on Bun: to load the library and the tools
    // anew for each file took a third of the time.
    isolate: false,
    sequence: { sequencer: SlowFirst },
    coverage: {
      provider: "v8",
      // Files that no test loads count too.
      include: ["src/**"],
      reporter: ["text", "html"],
      thresholds: { lines: 95, branches: 95 },
    },
  },
  resolve: {
    // One list of names for every tool: the `paths` of tsconfig.json.
    alias: Object.entries(paths).map(([name, [path = ""]]) => ({
      find: new RegExp(`^${name}$`),
      replacement: fileURLToPath(new URL(path, import.meta.url)),
    })),
  },
});
