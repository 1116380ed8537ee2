// `npm start`: the chat example on Node, from its sources, after whatever set-up is missing.

import { spawn } from "node:child_process";
import process from "node:process";
import { ensureInstalled, environment, root } from "./setup.mjs";

ensureInstalled();

const extra = process.argv.slice(2);
const port = extra.some((arg) => /^--port(=|$)/.test(arg)) ? [] : ["--port", "8002"];
const args = ["--import", "tsx", "examples/chat/server.ts", ...port, ...extra];
console.log(`start: node ${args.join(" ")}`);

const child = spawn(process.execPath, args, { cwd: root, env: environment, stdio: "inherit" });
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
