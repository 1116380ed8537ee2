// The opening handshake of RFC 6455 section 4 for both roles of the suite, as little as it takes:
// what is judged here is the frames behind it, and the negotiation of compression.

import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

/** The head of a request or a response, with the bytes that came behind it. */
export interface Head {
  readonly start: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly rest: Buffer;
}

const MAX_HEAD = 65_536;

/** A server answered the handshake, and not with 101. */
export class Refusal extends Error {}

/**
 * Reads a head.
 *
 * @throws {Error} When the connection ends, or `timeout` milliseconds pass, before it is complete.
 */
export function readHead(socket: Socket, timeout: number): Promise<Head> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const stop = (error?: Error, head?: Head): void => {
      clearTimeout(timer);
      socket.off("data", data).off("end", end).off("close", end).off("error", stop);
      if (head === undefined) reject(error ?? new Error("No handshake"));
      else {
        socket.pause();
        resolve(head);
      }
    };
    const end = (): void => stop(new Error("TCP ended before the handshake was complete"));
    const data = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const at = bytes.indexOf("\r\n\r\n");
      if (at >= 0) {
        stop(undefined, parseHead(bytes.toString("latin1", 0, at), bytes.subarray(at + 4)));
      } else if (bytes.length > MAX_HEAD) stop(new Error("The head does not end"));
    };
    const timer = setTimeout(() => stop(new Error(`No handshake in ${timeout} ms`)), timeout);
    socket.on("data", data).on("end", end).on("close", end).on("error", stop);
  });
}

function parseHead(text: string, rest: Buffer): Head {
  const [start = "", ...lines] = text.split("\r\n");
  const fields = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = fields.get(name);
    fields.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return { start, fields, rest };
}

/** Sec-WebSocket-Accept for a key (section 4.2.2). */
export function acceptOf(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

/**
 * Opens a connection as a client (section 4.1).
 *
 * @param url The server under test.
 * @param offer The value of Sec-WebSocket-Extensions; empty for none.
 * @param early Bytes to send in one segment with the head.
 * @throws {Error} When the server does not accept.
 */
export async function dial(
  url: URL,
  offer: string,
  early: Uint8Array,
  timeout: number,
): Promise<{ socket: Socket; head: Head }> {
  const socket = connect({
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || 80),
    allowHalfOpen: true,
    noDelay: true,
  });
  try {
    const key = randomBytes(16).toString("base64");
    const request = [
      `GET ${url.pathname}${url.search} HTTP/1.1`,
      `Host: ${url.host}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Key: ${key}`,
      "Sec-WebSocket-Version: 13",
      ...(offer === "" ? [] : [`Sec-WebSocket-Extensions: ${offer}`]),
    ];
    socket.write(Buffer.concat([Buffer.from(`${request.join("\r\n")}\r\n\r\n`), early]));
    const head = await readHead(socket, timeout);
    if (!/^HTTP\/1\.1 101(?: |$)/.test(head.start)) {
      throw new Refusal(`Expected 101, got ${head.start}`);
    }
    if (head.fields.get("sec-websocket-accept") !== acceptOf(key)) {
      throw new Error("Sec-WebSocket-Accept does not answer the key");
    }
    return { socket, head };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** The head with which the suite, as a server, accepts (section 4.2.2). */
export function acceptance(request: Head, extensions: string | undefined): string {
  const response = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${acceptOf(request.fields.get("sec-websocket-key") ?? "")}`,
    ...(extensions ? [`Sec-WebSocket-Extensions: ${extensions}`] : []),
  ];
  return `${response.join("\r\n")}\r\n\r\n`;
}
