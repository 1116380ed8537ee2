// The workflows for GitHub Actions: they are YAML, and what they run is what runs by hand.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { test } from "../support/test.ts";
import { parseYaml } from "../support/yaml.ts";
import { list, read, readJson } from "./sources.ts";

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Record<string, unknown>;
}
interface Job {
  readonly uses?: string;
  readonly needs?: readonly string[];
  readonly container?: string;
  readonly permissions?: Record<string, string>;
  readonly strategy?: { matrix: Record<string, readonly (string | number)[]> };
  readonly "timeout-minutes"?: number;
  readonly steps?: readonly Step[];
}
interface Workflow {
  readonly on: Record<string, unknown>;
  readonly permissions: Record<string, string>;
  readonly jobs: Record<string, Job>;
}

const TEST = ".github/workflows/test.yml";
const RELEASE = ".github/workflows/release.yml";
const paths = list(".github/workflows", ".yml", ".yaml");
const parsed = new Map<string, Workflow>();

function workflow(path: string): Workflow {
  const known = parsed.get(path) ?? parseYaml(read(path)) as Workflow;
  parsed.set(path, known);
  return known;
}

const { scripts, engines } = readJson<{
  scripts: Record<string, string>;
  engines: { node: string };
}>("package.json");

/** What a step may run: the gate, what .ci/setup.mjs installs with, and the scripts of package.json. */
const commands: readonly string[] = [
  ".ci/run",
  "npm ci",
  "npm test",
  ...Object.keys(scripts).map((name) => `npm run ${name}`),
];

test("the workflows are those for tests and for a release", () => {
  assertEquals(paths, [RELEASE, TEST]);
});

test("a workflow runs only what .ci and package.json have", () => {
  assertStringIncludes(read(".ci/run"), "\nnpm test\n");
  assertStringIncludes(read(".ci/setup.mjs"), 'run("npm", ["ci"');
  for (const path of paths) {
    const steps = Object.values(workflow(path).jobs).flatMap(({ steps = [] }) => steps);
    const run = steps.flatMap((step) => step.run === undefined ? [] : [step.run]);
    assert(run.length > 0, path);
    assertEquals(run.filter((line) => !commands.includes(line)), [], path);
  }
});

test("a workflow may only read, except where it publishes", () => {
  for (const path of paths) {
    assertEquals(workflow(path).permissions, { contents: "read" });
    for (const [name, { permissions }] of Object.entries(workflow(path).jobs)) {
      const publishes = path === RELEASE && ["npm", "jsr"].includes(name);
      const expected = publishes ? { contents: "read", "id-token": "write" } : undefined;
      assertEquals(permissions, expected, `${path}: ${name}`);
    }
  }
});

test("a workflow uses actions by their commit, ends in time, and names no address", () => {
  for (const path of paths) {
    // A tag can be moved, a commit cannot; the comment says which version it is.
    for (const [, uses = ""] of read(path).matchAll(/uses: (.*)/g)) {
      assertMatch(uses, /^(?:\.\/\S+|[\w-]+\/[\w-]+@[\da-f]{40} # v\d+\.\d+\.\d+)$/);
    }
    assertEquals(read(path).match(/https?:|registry-url|secrets\./g), null, path);
    for (const [name, job] of Object.entries(workflow(path).jobs)) {
      if (job.uses === undefined) assert(job["timeout-minutes"]! <= 60, `${path}: ${name}`);
      else assert(paths.includes(job.uses.replace("./", "")), job.uses);
    }
  }
});

test("the tests run on three systems: on Node 20, 22 and 24, on Deno and on Bun", () => {
  const { jobs } = workflow(TEST);
  for (const name of ["node", "deno", "bun"]) {
    const { strategy, steps = [] } = jobs[name]!;
    const systems = strategy!.matrix["os"]!.map((os) => String(os).split("-")[0]);
    assertEquals(systems, ["ubuntu", "macos", "windows"]);
    assertEquals(steps.at(-1)!.run, `npm run test:${name}`);
  }
  const versions = jobs["node"]!.strategy!.matrix["node"]!;
  assertEquals(versions, [20, 22, 24]);
  assertEquals(engines.node, `>=${versions[0]}`);
  // Debian, because .ci/run installs its packages.
  assertMatch(jobs["gate"]!.container!, /^node:\d+-bookworm$/);
  assertEquals(jobs["gate"]!.steps!.at(-1)!.run, ".ci/run");
});

test("a tag publishes to npm and JSR, after all tests", () => {
  const { on, jobs } = workflow(RELEASE);
  assertEquals(on, { push: { tags: ["v*"] } });
  assertEquals(jobs["test"]!.uses, `./${TEST}`);
  assert("workflow_call" in workflow(TEST).on);
  assertEquals(jobs["check"]!.steps!.at(-1)!.run, "npm run release:check");
  for (const name of ["npm", "jsr"]) {
    assertEquals(jobs[name]!.needs, ["test", "check"]);
    assertEquals(jobs[name]!.steps!.at(-1)!.run, `npm run release:${name}`);
  }
  assertMatch(scripts["release:npm"]!, /^npm publish .*--provenance/);
  assertMatch(scripts["release:jsr"]!, /^deno publish .*--config jsr\.json$/);
});

interface Release {
  tag?: string | undefined;
  packageJson: string;
  jsrJson: string;
  changelog: string;
  pages: Record<string, string>;
}

async function releaseFaults(release: Release): Promise<string[]> {
  const url = new URL("../../.ci/release.mjs", import.meta.url).href;
  const module = await import(/* @vite-ignore */ url) as {
    releaseFaults(release: Release): string[];
  };
  return module.releaseFaults(release);
}

const ready: Release = {
  tag: "v1.2.3",
  packageJson:
    '{ "version": "1.2.3", "repository": { "url": "git+https://github.com/owner/name.git" } }',
  jsrJson: '{ "version": "1.2.3" }',
  changelog: "# Changelog\n\n## 1.2.3 (2026-01-31)\n\n## 1.2.2 (2026-01-01)\n",
  pages: { "README.md": "npm install" },
};

test("release:check takes a tag, files and a changelog of one version", async () => {
  assertEquals(await releaseFaults(ready), []);
  assertEquals(await releaseFaults({ ...ready, tag: undefined }), []);
});

test("release:check refuses what does not fit together", async () => {
  const fault = async (change: Partial<Release>) => {
    const faults = await releaseFaults({ ...ready, ...change });
    assertEquals(faults.length, 1);
    return faults[0]!;
  };
  assertMatch(await fault({ tag: "v1.2.4" }), /^Expected the tag v1\.2\.3, .* got v1\.2\.4$/);
  assertMatch(
    await fault({ jsrJson: '{ "version": "1.2.2" }' }),
    /1\.2\.3 in jsr\.json, got 1\.2\.2/,
  );
  assertMatch(await fault({ changelog: "## 1.2.3 (unreleased)\n" }), /got 1\.2\.3 \(unreleased\)$/);
  assertMatch(await fault({ changelog: "## 1.2.30 (2026-01-31)\n" }), /CHANGELOG\.md/);
  assertMatch(
    await fault({ packageJson: '{ "version": "1.2.3", "homepage": "https://example.invalid/" }' }),
    /got example\.invalid$/,
  );
  assertMatch(
    await fault({
      packageJson:
        '{ "version": "1.2.3", "repository": { "url": "git+https://example.org/a.git" } }',
    }),
    /github\.com\/OWNER\/NAME.*, got git\+https:\/\/example\.org\/a\.git$/,
  );
  assertMatch(
    await fault({ pages: { "README.md": "The package is not on npm or JSR yet." } }),
    /^Expected README\.md to install from npm and JSR/,
  );
});
