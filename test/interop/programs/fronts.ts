// The reverse proxies of docs/deploy.md, with the files of that page, in front of two ports.
//
// Changed are only ports, certificates, names, times, and the folders of files that a program
// writes. Each change has to find its place, so that the page cannot drift away from it.

import { createDevelopmentCertificate } from "@sansocket/ws";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Program, type RunningProxy, startProgram } from "./proxies.ts";

/** A reverse proxy of the page. */
export interface Front {
  /** Its column in the table of the page. */
  readonly name: string;
  /** The program that it needs. */
  readonly program: Program;
  /** Whether it passes on bytes, behind a header of the PROXY protocol. */
  readonly tcp: boolean;
  /**
   * Starts it for `localhost`.
   *
   * @param file The file of the page.
   * @param ports The two servers behind it.
   * @param idle The idle limit in milliseconds. Default: that of the page.
   */
  start(file: string, ports: readonly [number, number], idle?: number): Promise<RunningProxy>;
}

/** The certificate that all of them have. */
const certificate = await createDevelopmentCertificate();

/** The authority to trust. */
export const authority: string = certificate.cert;

/** Replaces texts that have to be there. */
function change(file: string, changes: readonly [from: string, to: string][]): string {
  let text = file;
  for (const [from, to] of changes) {
    if (!text.includes(from)) {
      throw new Error(`Expected docs/deploy.md to have "${from}":\n${file}`);
    }
    text = text.replaceAll(from, to);
  }
  return text;
}

/** The two servers of the page, as those of a test. */
function servers([first, second]: readonly [number, number]): [string, string][] {
  return [["127.0.0.1:8001", `127.0.0.1:${first}`], ["127.0.0.1:8002", `127.0.0.1:${second}`]];
}

const haproxy: Front["start"] = (page, ports, idle) =>
  startProgram("haproxy", async (folder, port) => {
    const pem = join(folder, "both.pem");
    await writeFile(pem, certificate.cert + certificate.key);
    const file = join(folder, "haproxy.cfg");
    const changes: [string, string][] = [
      ["bind :443", `bind 127.0.0.1:${port}`],
      ["/etc/ssl/app/both.pem", pem],
      ["maxconn 20000", "maxconn 100"],
      ["inter 1s", "inter 200ms"],
    ];
    if (idle !== undefined) changes.push(["timeout tunnel 60s", `timeout tunnel ${idle}ms`]);
    await writeFile(file, change(page, [...changes, ...servers(ports)]));
    return ["-db", "-f", file];
  });

/** All of them, in the order of the table. */
export const fronts: readonly Front[] = [
  {
    name: "nginx",
    program: "nginx",
    tcp: false,
    start: (page, ports, idle) =>
      startProgram("nginx", async (folder, port) => {
        const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
        await writeFile(files.cert, certificate.cert);
        await writeFile(files.key, certificate.key);
        const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
          .map((name) => `${name}_temp_path ${folder}/${name};`).join(" ");
        const changes: [string, string][] = [
          ["listen 443 ssl", `listen 127.0.0.1:${port} ssl`],
          ["/etc/ssl/app/cert.pem", files.cert],
          ["/etc/ssl/app/key.pem", files.key],
          ["worker_rlimit_nofile 40000", "worker_rlimit_nofile 1000"],
          ["worker_connections 20000", "worker_connections 500"],
          ["http {\n", `http { access_log off; ${paths}\n`],
        ];
        if (idle !== undefined) {
          changes.push(["proxy_read_timeout 60s", `proxy_read_timeout ${idle}ms`]);
        }
        const file = join(folder, "nginx.conf");
        await writeFile(file, change(page, [...changes, ...servers(ports)]));
        const settings = `daemon off; master_process off; pid ${folder}/pid; error_log stderr;`;
        return ["-e", "stderr", "-g", settings, "-c", file];
      }),
  },
  {
    name: "Caddy",
    program: "caddy",
    tcp: false,
    start: (page, ports, idle) =>
      startProgram("caddy", async (folder, port) => {
        const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
        await writeFile(files.cert, certificate.cert);
        await writeFile(files.key, certificate.key);
        const site =
          `https://localhost:${port} {\nbind 127.0.0.1\ntls ${files.cert} ${files.key}\n`;
        const changes: [string, string][] = [
          ["app.example {\n", site],
          // What a client waits when no process is left.
          ["lb_try_duration 5s", "lb_try_duration 1s"],
          ["health_interval 1s", "health_interval 200ms"],
        ];
        if (idle !== undefined) {
          const limit = `transport http {\nread_timeout ${idle}ms\n}\n`;
          changes.push(["header_up -Forwarded\n", `header_up -Forwarded\n${limit}`]);
        }
        const file = join(folder, "Caddyfile");
        const settings = `{\nadmin off\nauto_https off\nstorage file_system ${folder}/data\n}\n`;
        await writeFile(file, settings + change(page, [...changes, ...servers(ports)]));
        return ["run", "--adapter", "caddyfile", "--config", file];
      }),
  },
  { name: "HAProxy", program: "haproxy", tcp: false, start: haproxy },
  { name: "HAProxy, TCP", program: "haproxy", tcp: true, start: haproxy },
];
