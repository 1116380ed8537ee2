// The files of docs/deploy.md that are not run: their syntax, and that their figures agree with the
// server of the page.

import { assert, assertEquals } from "@std/assert";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { blocksOf, takeBlocks } from "../support/code_blocks.ts";
import { findExecutable, root } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";

const page = readFileSync(join(root, "docs/deploy.md"), "utf8");
const program = blocksOf("docs/deploy.md", "ts server")[0]?.code ?? "";
const [unit = ""] = takeBlocks("docs/deploy.md", "ini");
const [dockerfile = ""] = takeBlocks("docs/deploy.md", "dockerfile");
const [manifest = ""] = takeBlocks("docs/deploy.md", "yaml");
const port = number(program, /PORT = "(\d+)"/);
/** The seconds that `close()` takes at most. */
const closing = (number(program, /spread:\s([\d_]+)/) + number(program, /timeout:\s([\d_]+)/)) /
  1000;

function number(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1]?.replaceAll("_", ""));
}

const analyze = findExecutable(["systemd-analyze"]);
const python = findExecutable(["python3"]);
const hasYaml = python !== undefined && spawnSync(python, ["-c", "import yaml"]).status === 0;
const elsewhere = runtime !== "node" && "a file is read: one runtime is enough";

test("docs/deploy.md's unit passes systemd-analyze verify", () => {
  const folder = mkdtempSync(join(tmpdir(), "sansocket-unit-"));
  try {
    const file = join(folder, "app@.service");
    assert(unit.includes("/usr/bin/node"), unit);
    writeFileSync(file, unit.replace("/usr/bin/node", process.execPath));
    const args = ["verify", "--man=no", "--recursive-errors=no", file];
    const { status, stdout, stderr } = spawnSync(analyze!, args, { encoding: "utf8" });
    // It looks at the units that this one needs, too.
    const findings = `${stdout}${stderr}`.split("\n").filter((line) => line.includes("app@"));
    assertEquals([status, findings], [0, []], stderr);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, { skip: elsewhere || analyze === undefined && "no systemd-analyze" });

test("docs/deploy.md's unit waits until the server has stopped", () => {
  assert(number(unit, /^TimeoutStopSec=(\d+)s$/m) >= closing);
  assert(number(unit, /^LimitNOFILE=(\d+)$/m) >= 65_536);
});

test("docs/deploy.md's Dockerfile has known instructions, and starts the server", () => {
  const known = ["FROM", "WORKDIR", "COPY", "RUN", "USER", "ENV", "EXPOSE", "CMD"];
  const lines = dockerfile.trimEnd().split("\n").map((line) => line.split(" "));
  assertEquals(lines.map(([name = ""]) => name).filter((name) => !known.includes(name)), []);
  const rest = (name: string): string[] =>
    lines.filter(([found]) => found === name).map(([, ...words]) => words.join(" "));
  assertEquals(JSON.parse(rest("CMD").join()), ["node", "server.ts"]);
  assert(rest("COPY").includes("server.ts ./"));
  assertEquals([rest("EXPOSE"), rest("ENV")], [[`${port}`], [`HOST=0.0.0.0 PORT=${port}`]]);
  for (const time of page.matchAll(/--time (\d+)|stop_grace_period: (\d+)s/g)) {
    assert(Number(time[1] ?? time[2]) >= closing, time[0]);
  }
});

/** What is read of the two documents. */
interface Deployment {
  readonly kind: string;
  readonly spec: {
    readonly selector: { readonly matchLabels: unknown };
    readonly template: {
      readonly metadata: { readonly labels: unknown };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly [{
          readonly ports: readonly unknown[];
          readonly env: readonly { readonly name: string }[];
          readonly readinessProbe: Probe;
          readonly livenessProbe: Probe;
          readonly lifecycle: {
            readonly preStop: { readonly exec: { readonly command: readonly string[] } };
          };
        }];
      };
    };
  };
}
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}
interface Service {
  readonly kind: string;
  readonly spec: {
    readonly selector: unknown;
    readonly ports: readonly [{ readonly targetPort: string }];
  };
}

test("docs/deploy.md's manifest is YAML, and agrees with the server", () => {
  const convert = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))";
  const { stdout, stderr } = spawnSync(python!, ["-c", convert], {
    input: manifest,
    encoding: "utf8",
  });
  assertEquals(stderr, "");
  const [deployment, service, ...more] = JSON.parse(stdout) as [Deployment, Service];
  assertEquals([deployment.kind, service.kind, more], ["Deployment", "Service", []]);
  const { metadata, spec } = deployment.spec.template;
  assertEquals(deployment.spec.selector.matchLabels, metadata.labels);
  assertEquals(service.spec.selector, metadata.labels);
  const [container] = spec.containers;
  assertEquals(container.ports, [{ name: "http", containerPort: port }]);
  assertEquals(service.spec.ports[0].targetPort, "http");
  for (const { name } of container.env) assert(program.includes(`${name} = "`), name);
  for (const { httpGet } of [container.readinessProbe, container.livenessProbe]) {
    assert(program.includes(`"${httpGet.path}": `), httpGet.path);
    assertEquals(httpGet.port, "http");
  }
  const [sleep, seconds] = container.lifecycle.preStop.exec.command;
  assertEquals(sleep, "sleep");
  assert(spec.terminationGracePeriodSeconds >= Number(seconds) + closing);
}, { skip: elsewhere || !hasYaml && "not installed: apt-get install python3-yaml" });
