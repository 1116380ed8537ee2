// `npm run dashboard`: the dashboard example with viewers. `-- --viewers 0` is the page alone; what
// else is given goes to the viewers.

import process from "node:process";
import { ensureInstalled } from "./setup.mjs";
import { Together } from "./together.mjs";

ensureInstalled();

const options = process.argv.slice(2);
const take = (name, otherwise) => {
  const at = options.indexOf(name);
  return at < 0 ? otherwise : options.splice(at, 2)[1];
};
const node = (file, ...args) => [process.execPath, "--import", "tsx", file, ...args];

const together = new Together();
try {
  const server = node("examples/dashboard/server.ts")
    .concat("--port", take("--port", "8003"), "--rate", take("--rate", "20"));
  const { match: [, url] } = await together.start("server", server, { ready: /(http:\S+)/ });
  const viewers = take("--viewers", "1000");
  if (viewers !== "0") {
    const command = node("examples/dashboard/viewers.ts", url, "--viewers", viewers, ...options);
    await together.start("viewers", command);
  }
  console.log(`Open ${url} in a browser; Ctrl+C ends it`);
} catch {
  // `together` has said what has ended, and ends the rest.
}
