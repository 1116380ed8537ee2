// `npm run release:check`: whether what is about to be published may be.
//
// A version that has been published cannot be taken back, so that a mistake here costs a version.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

/**
 * What speaks against a release.
 *
 * @param {object} release What is to be released.
 * @param {string | undefined} release.tag The tag, such as "v0.1.0"; undefined when there is none.
 * @param {string} release.packageJson The text of package.json.
 * @param {string} release.jsrJson The text of jsr.json.
 * @param {string} release.changelog The text of CHANGELOG.md.
 * @param {Record<string, string>} release.pages The texts of the pages that say how to install.
 * @returns {string[]} A sentence for each; none when all is well.
 */
export function releaseFaults({ tag, packageJson, jsrJson, changelog, pages }) {
  const { version, repository } = JSON.parse(packageJson);
  const faults = [];
  if (tag !== undefined && tag !== `v${version}`) {
    faults.push(`Expected the tag v${version}, the version of package.json, got ${tag}`);
  }
  const jsrVersion = JSON.parse(jsrJson).version;
  if (jsrVersion !== version) {
    faults.push(`Expected version ${version} in jsr.json, got ${jsrVersion}`);
  }
  const [, heading] = /^## (.*)$/m.exec(changelog) ?? [];
  if (!new RegExp(`^${version.replaceAll(".", "\\.")} \\(\\d{4}-\\d{2}-\\d{2}\\)$`).test(heading)) {
    faults.push(
      `Expected CHANGELOG.md to begin with "## ${version} (YYYY-MM-DD)", got ${heading}`,
    );
  }
  if (packageJson.includes("example.invalid")) {
    faults.push("Expected the project's own addresses in package.json, got example.invalid");
  } else if (!/^git\+https:\/\/github\.com\/[\w.-]+\/[\w.-]+\.git$/.test(repository?.url)) {
    // npm and JSR turn the relative links and pictures of README.md into GitHub's addresses; for
    // another host they leave them as they are, so that they lead nowhere.
    faults.push(
      "Expected a repository such as git+https://github.com/OWNER/NAME.git in package.json, got " +
        repository?.url,
    );
  }
  for (const [name, text] of Object.entries(pages)) {
    if (/not on npm or JSR yet/.test(text)) {
      faults.push(`Expected ${name} to install from npm and JSR, got "not on npm or JSR yet"`);
    }
  }
  return faults;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const root = join(fileURLToPath(import.meta.url), "../..");
  const read = (path) => readFileSync(join(root, path), "utf8");
  const faults = releaseFaults({
    tag: process.env.GITHUB_REF_NAME,
    packageJson: read("package.json"),
    jsrJson: read("jsr.json"),
    changelog: read("CHANGELOG.md"),
    pages: Object.fromEntries(
      ["README.md", "docs/learn/first-server.md"].map((path) => [path, read(path)]),
    ),
  });
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
