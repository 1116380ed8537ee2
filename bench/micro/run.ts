// Single functions, on whichever runtime this is run with:
//   npm run bench:micro [-- filter]
//   npx deno run -A --no-check bench/micro/run.ts [filter]
//   npx bun bench/micro/run.ts [filter]
//
// A filter is a regular expression for names. The fixtures are those of the tests and of the load generator.

import process from "node:process";
import { run } from "mitata";
import "./frames.ts";
import "./text.ts";
import "./handshake.ts";
import "./protocol.ts";

await run({ filter: new RegExp(process.argv[2] ?? "", "i") });
// Connections look after themselves by timers, which would go on.
process.exit();
