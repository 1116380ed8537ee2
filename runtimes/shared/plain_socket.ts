// Whether a socket is the runtime's own: what it is given goes to the system and nowhere else, and
// what it gives belongs to its reader alone. Any other stream may be a view on memory of its own, a
// wire to foreign code, or both.
//
// The class decides, to the letter: no subclass, no proxy, and no method of its own in place of one
// of the class.

import { Socket } from "node:net";
import { isProxy } from "node:util/types";
import type { TLSSocket } from "node:tls";

/**
 * The methods with which a stream writes, and those that a transport calls. They are compared with
 * those that the class had when this file was loaded, because a program can replace them there too.
 * Not `on`: a server of `node:http` gives each of its sockets one of its own.
 */
const METHODS = [
  "write",
  "_write",
  "_writev",
  "_writeGeneric",
  "end",
  "push",
  "pause",
  "resume",
  "destroy",
  "unref",
  "setTimeout",
  "setNoDelay",
] as const;

/** The getters of the class that a transport reads. */
const GETTERS = [
  "remoteAddress",
  "remotePort",
  "localAddress",
  "localPort",
  "destroyed",
  "errored",
  "writableLength",
  "writableEnded",
] as const;

type Methods = { readonly [name in typeof METHODS[number]]?: unknown };

const methodsOf = (methods: Methods): unknown[] => METHODS.map((name) => methods[name]);
const original = methodsOf(Socket.prototype as Methods);

/** Node itself: the sockets of the others' `node:net` have handles of their own. */
export const isNode: boolean = !("Deno" in globalThis || "Bun" in globalThis);

/** Node's handles: TCP, a unix socket, TLS, which encrypts a copy. */
const HANDLES = ["TCP", "Pipe", "TLSWrap"];

/** Whether `socket` is a `net.Socket` or `tls.TLSSocket` and nothing more. */
export function isPlain(socket: object): boolean {
  try {
    return isOwn(socket);
  } catch {
    return false; // A getter that throws is not the runtime's.
  }
}

function isOwn(socket: object): boolean {
  if (isProxy(socket)) return false;
  const prototype: unknown = Object.getPrototypeOf(socket);
  if (prototype !== Socket.prototype && prototype !== secureSocket(socket)) return false;
  const { _handle: handle } = socket as { _handle?: object | null };
  if (isNode && !HANDLES.includes(handle?.constructor.name ?? "")) return false;
  if (GETTERS.some((name) => Object.hasOwn(socket, name))) return false;
  return methodsOf(socket as Methods).every((method, i) => method === original[i]);
}

/**
 * The prototype of the sockets of `node:tls`, when this may be one. To load the module for every
 * program would take 10 ms.
 */
function secureSocket(socket: { encrypted?: unknown }): object | undefined {
  if (socket.encrypted !== true) return undefined;
  const { getBuiltinModule } = globalThis.process as {
    getBuiltinModule?: (name: string) => { TLSSocket: { prototype: TLSSocket } };
  };
  return getBuiltinModule?.("node:tls").TLSSocket.prototype;
}
