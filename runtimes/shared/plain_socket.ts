// Whether a socket is the runtime's own: what it is given goes to the system and nowhere else, and
// what it gives is nobody else's. Any other stream may be a view on memory of its own, a wire to
// somebody else's code, or both.
//
// By its class to the letter: no subclass, no proxy, and no method of its own in place of one of
// the class.

import { Socket } from "node:net";
import process from "node:process";
import { types } from "node:util";
import type { TLSSocket } from "node:tls";

/**
 * What a stream writes by. As the class had them when this was loaded, for they can be replaced
 * there too.
 */
const METHODS = ["write", "_write", "_writev", "_writeGeneric", "end", "push"] as const;

type Methods = { readonly [name in typeof METHODS[number]]?: unknown };

const methodsOf = (methods: Methods): unknown[] => METHODS.map((name) => methods[name]);
const original = methodsOf(Socket.prototype as Methods);

/** Node itself: the sockets of the others' `node:net` have handles of their own. */
export const isNode: boolean = !("Deno" in globalThis || "Bun" in globalThis);

/** Node's handles: TCP, a unix socket, TLS, which encrypts a copy. */
const HANDLES = ["TCP", "Pipe", "TLSWrap"];

/** Whether `socket` is a `net.Socket` or `tls.TLSSocket` and nothing more. */
export function isPlain(socket: object): boolean {
  if (types.isProxy(socket)) return false;
  const prototype: unknown = Object.getPrototypeOf(socket);
  if (prototype !== Socket.prototype && prototype !== secureSocket(socket)) return false;
  const { _handle: handle } = socket as { _handle?: object | null };
  if (isNode && !HANDLES.includes(handle?.constructor.name ?? "")) return false;
  return methodsOf(socket as Methods).every((method, i) => method === original[i]);
}

/**
 * The prototype of the sockets of `node:tls`, when this may be one. To load the module for all
 * takes 10 ms.
 */
function secureSocket(socket: { encrypted?: unknown }): object | undefined {
  if (socket.encrypted !== true) return undefined;
  const { getBuiltinModule } = process as {
    getBuiltinModule?: (name: string) => { TLSSocket: { prototype: TLSSocket } };
  };
  return getBuiltinModule?.("node:tls").TLSSocket.prototype;
}
