// The package as `npm pack` makes it, once for each test file.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root, run, withFolder } from "./support.ts";

let packing: Promise<Uint8Array> | undefined;

/** Builds what is older than the sources. */
export async function build(): Promise<void> {
  await run("node", [".ci/setup.mjs", "--build"], { cwd: root });
}

/** The tarball. */
export function packed(): Promise<Uint8Array> {
  packing ??= pack();
  return packing;
}

async function pack(): Promise<Uint8Array> {
  await build();
  let tarball = new Uint8Array();
  await withFolder(async (folder) => {
    // Without scripts: `prepack` would build again.
    const args = ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder];
    const file = (await run("npm", args, { cwd: root })).trim();
    tarball = new Uint8Array(await readFile(join(folder, file)));
  });
  return tarball;
}

/** Puts the package where `npm install` would, into a project that has no other. */
export async function unpack(project: string): Promise<string> {
  const target = join(project, "node_modules/@sansocket/ws");
  await mkdir(target, { recursive: true });
  await writeFile(join(project, "ws.tgz"), await packed());
  await run("tar", ["-xzf", "ws.tgz", "--strip-components=1", "-C", target], { cwd: project });
  return target;
}
