// `npm start`: the chat example on Node, from its sources, after whatever set-up is missing.

import { spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { ensureInstalled, environment, root } from "./setup.mjs";

ensureInstalled();

const args = ["--import", "tsx", "examples/chat/server.ts", ...process.argv.slice(2)];
const child = spawn(process.execPath, args, {
  cwd: root,
  env: environment,
  stdio: ["inherit", "pipe", "inherit"],
});
createInterface({ input: child.stdout }).on("line", (line) => {
  console.log(line);
  const [, url] = line.match(/^Chat: (http:\S+)$/) ?? [];
  if (!url) return;
  console.log(`
To try from a second terminal, here:
  node --import tsx examples/chat/terminal.ts --url ${url}
    talks with the page that you have opened
  npm run dashboard
    shows a server with a thousand viewers, live

Ctrl+C ends the chat.`);
});
// Once each: from the terminal the chat gets Ctrl+C as well, and npm sends it on to here a second time.
const sent = new Set();
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    if (!sent.has(signal)) child.kill(signal);
    sent.add(signal);
  });
}
child.on("exit", (code, signal) => {
  // 128 + 2: stopped with Ctrl+C, which is how one stops it.
  process.exitCode = code ?? (signal === "SIGINT" ? 130 : 143);
});
