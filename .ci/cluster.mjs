// `npm run chat:cluster`: the chat in two processes, with nginx before them and Redis between them,
// each on a free port of 127.0.0.1. `-- --port 8002` chooses that of nginx.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { ensureInstalled } from "./setup.mjs";
import { findProgram, freePorts, Together } from "./together.mjs";

const redisServer = findProgram("redis-server");
const nginx = findProgram("nginx");
const missing = [redisServer ? "" : "redis-server", nginx ? "" : "nginx"].filter(Boolean);
if (missing.length > 0) {
  console.error(`npm run chat:cluster needs ${missing.join(" and ")}, not found in PATH. Install:
  Debian, Ubuntu: apt-get install redis-server nginx-light
  Fedora:         dnf install redis nginx
  macOS:          brew install redis nginx
The chat in one process needs neither: npm start`);
  process.exit(1);
}
ensureInstalled();

const { values: flags } = parseArgs({ options: { port: { type: "string" } } });
const [redisPort, first, second, free] = await freePorts(4);
const port = Number(flags.port ?? free);
const address = `http://127.0.0.1:${port}`;
const redisUrl = `redis://127.0.0.1:${redisPort}`;

const together = new Together();
const folder = mkdtempSync(join(tmpdir(), "sansocket-cluster-"));
together.afterwards(() => rmSync(folder, { recursive: true, force: true }));
try {
  const redis = await together.start(
    "redis-server",
    // Nothing is kept on disk: what was said goes with Redis.
    [redisServer, "--port", `${redisPort}`, "--bind", "127.0.0.1", "--dir", folder]
      .concat("--save", "", "--appendonly", "no"),
    { ready: /Ready to accept connections/, quiet: true },
  );
  const config = join(folder, "nginx.conf");
  writeFileSync(config, configuration());
  const proxy = await together.start(
    "nginx",
    [nginx, "-e", "stderr", "-c", config],
    { ready: /\[notice\]/, quiet: true },
  );
  const chat = (port) =>
    together.start(
      `chat ${port}`,
      [process.execPath, "--import", "tsx", "examples/chat/server.ts", "--port", `${port}`],
      { ready: /^Chat: /, env: { REDIS_URL: redisUrl }, quiet: true },
    );
  const [one, two] = await Promise.all([chat(first), chat(second)]);
  console.log(`Chat: ${address}

  program       process   address
  nginx         ${row(proxy, address)}   gives each connection to one of the two
  chat          ${row(one, `http://127.0.0.1:${first}`)}
  chat          ${row(two, `http://127.0.0.1:${second}`)}
  redis-server  ${row(redis, redisUrl)}  carries what is said, and keeps it, and who is here

Open the address in two windows: the page says which process it is connected to. Ctrl+C ends
everything.`);
} catch (error) {
  // Of a program that has ended, `together` has said so, and ends the others.
  if (!together.ending) {
    console.error(error);
    together.end(1);
  }
}

function row({ pid }, address) {
  return `${String(pid).padEnd(9)} ${address}`;
}

/** What nginx needs for WebSocket: HTTP/1.1, both header fields of the upgrade, and patience. */
function configuration() {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n  ");
  return `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr notice;
events {}
http {
  access_log off;
  ${temporary}
  map $http_upgrade $connection_upgrade {
    default upgrade;
    "" close;
  }
  upstream chat {
    least_conn; # not in turns: a page and its socket would always part
    server 127.0.0.1:${first};
    server 127.0.0.1:${second};
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://chat;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_read_timeout 60s; # more than the 45 s after which our heartbeat gives up
    }
  }
}
`;
}
