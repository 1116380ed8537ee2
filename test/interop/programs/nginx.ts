// nginx as a reverse proxy in front of our server, without and with TLS.
//
// 1. One configuration serves every test: the first part of a path is the port that it leads to,
//    so /9001/chat is /chat of 127.0.0.1:9001. Under /idle/ the proxy gives up after a second.
// 2. The certificate is made by openssl for each run, and signs itself.

import { serve } from "@sansocket/ws";
import type { WebSocketConnection } from "@sansocket/ws";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findExecutable, run } from "../../support/process.ts";
import type { Message, PeerClient, PeerServer, PeerSocket } from "../peer.ts";

const nginx = findExecutable(["nginx"]) ??
  ["/usr/sbin/nginx"].find((path) => existsSync(path));
const openssl = findExecutable(["openssl"]);

/** What is not installed here. */
export const missing: string | undefined = !nginx
  ? "no nginx"
  : !openssl
  ? "no openssl"
  : undefined;

/** A running nginx. */
export interface Nginx {
  /** Its port for http: and ws:. */
  readonly port: number;
  /** Its port for https: and wss:. */
  readonly tlsPort: number;
  /** The path of the certificate to trust. */
  readonly authority: string;
  /** Ends it. */
  stop(): Promise<void>;
}

/** Starts nginx. */
export async function startNginx(): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), "sansocket-nginx-"));
  const authority = join(folder, "certificate.pem");
  const key = join(folder, "key.pem");
  const openssl = await createCertificate(authority, key);
  if (openssl !== undefined) throw new Error(openssl);
  const [port, tlsPort] = await freePorts();
  const file = join(folder, "nginx.conf");
  await writeFile(
    file,
    configuration(
      folder,
      `ssl_certificate ${authority};
    ssl_certificate_key ${key};
    listen 127.0.0.1:${port};
    listen 127.0.0.1:${tlsPort} ssl;`,
    ),
  );
  const child = run([nginx ?? "nginx", "-e", "stderr", "-c", file]);
  const stop = async () => {
    await child.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    // Its first notice follows when it listens.
    await child.waitFor(/\[notice\]/);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, tlsPort, authority, stop };
}

/** Our server behind nginx, in the part of the foreign server. */
export const nginxServer: PeerServer = {
  name: "serve() behind nginx",
  cannot: { fragment: "both ends are ours" },
  program: { missing },
  async start(hooks) {
    const proxy = await startNginx();
    const sockets = new WeakMap<WebSocketConnection, PeerSocket>();
    const script = {
      open(ws: WebSocketConnection) {
        sockets.set(ws, {
          send: (message) => void ws.send(message),
          close: (code, reason) => void ws.close(code, reason),
          ping: (data) => void ws.ping(data).then(() => hooks.pong(sockets.get(ws)!, data)),
        });
      },
      message: (ws: WebSocketConnection, message: Message) =>
        hooks.message(sockets.get(ws)!, message),
      close(_ws: WebSocketConnection, info: { code: number; reason: string }) {
        hooks.close(info.code, info.reason);
      },
    };
    const server = await serve({
      port: 0,
      compression: true,
      fetch(request, { upgrade }) {
        if (new URL(request.url).pathname === "/refuse") {
          return new Response("Not here", { status: 403 });
        }
        const offer = request.headers.get("sec-websocket-protocol") ?? "";
        return upgrade(script, offer.includes("chat.v2") ? { protocol: "chat.v2" } : {});
      },
    });
    return {
      port: proxy.port,
      prefix: `/${server.port}`,
      async stop() {
        await server.close();
        await proxy.stop();
      },
    };
  },
};

/**
 * A foreign client that connects over wss: to nginx, which passes the connection to our server.
 *
 * @param create Makes the client, given the path of the certificate to trust.
 * @returns The client.
 */
export function overTls(create: (authority: string) => PeerClient): PeerClient {
  const { name, cannot, program } = create("");
  let client: PeerClient;
  let proxy: Nginx;
  return {
    name: `${name} over wss: to nginx`,
    cannot,
    program: { missing: missing ?? program?.missing },
    async start() {
      proxy = await startNginx();
      try {
        client = create(proxy.authority);
        const running = await client.start?.();
        return {
          async stop() {
            await running?.stop();
            await proxy.stop();
          },
        };
      } catch (error) {
        await proxy.stop();
        throw error;
      }
    },
    connect(url, protocols) {
      const { port, pathname } = new URL(url);
      return client.connect(`wss://127.0.0.1:${proxy.tlsPort}/${port}${pathname}`, protocols);
    },
  };
}

/** Makes a certificate for 127.0.0.1. Returns the output of openssl when that fails. */
async function createCertificate(file: string, key: string): Promise<string | undefined> {
  const options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    .concat("-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1");
  const child = run([openssl ?? "openssl", "req", ...options, "-keyout", key, "-out", file]);
  return await child.exit === 0 ? undefined : child.output();
}

function configuration(folder: string, listen: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n  ");
  const proxy = `proxy_pass http://127.0.0.1:$upstream$rest;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;`;
  return `daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr notice;
events {}
http {
  access_log off;
  ${temporary}
  map $http_upgrade $connection_upgrade {
    default upgrade;
    "" close;
  }
  server {
    ${listen}
    location ~ ^/(?<upstream>[0-9]+)(?<rest>/.*)$ {
      ${proxy}
    }
    location ~ ^/idle/(?<upstream>[0-9]+)(?<rest>/.*)$ {
      ${proxy}
      proxy_read_timeout 1s;
    }
  }
}
`;
}

/** Finds two free ports: nginx cannot choose one itself and report which. */
async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  const ports = await Promise.all(servers.map((server) =>
    new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        resolve(typeof address === "object" && address ? address.port : 0);
      });
    })
  ));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return [ports[0] ?? 0, ports[1] ?? 0];
}
