// What all servers and clients of the bench have in common.
//
// 1. They end when their standard input closes: with the bench that started them, however that ends.
// 2. They end after a time in any case.
// 3. Asked by a line, servers tell their CPU time, for systems where nobody else can; to clients a line says that it is
//    their turn.

import process from "node:process";

/** Servers are up for some rounds, together with others. */
const LONGEST = 600_000;

/** Writes a line for the bench. */
export function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Seconds of CPU so far. */
export function cpuSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** To be called first. `asked` is called when a line comes. */
export function holdLifeline(asked = () => say({ event: "usage", cpu: cpuSeconds() })) {
  process.stdin.on("data", asked);
  process.stdin.on("end", () => process.exit());
  setTimeout(() => process.exit(1), LONGEST);
}

/** What a server speaks TLS with, if it is to: the bench has made a certificate. */
export function certificate() {
  if (!process.argv.includes("--tls")) return undefined;
  const { BENCH_CERTIFICATE, BENCH_KEY } = process.env;
  return { cert: BENCH_CERTIFICATE, key: BENCH_KEY };
}

/** To be called by a server when it listens. */
export function listening(port) {
  holdLifeline();
  say({ event: "listening", port });
}
