// What Web IDL requires of every interface (https://webidl.spec.whatwg.org/), and a JavaScript
// class does not do by itself.

import { isArrayBuffer, isSharedBuffer, kindOf, setName } from "../util/brands.ts";

/** A class that implements an interface. */
export interface InterfaceClass {
  /** The interface prototype object. */
  readonly prototype: object;
}

/**
 * Makes a class look like an interface: its members can be enumerated, it has its name as a tag,
 * and its constants are on it and on its prototype.
 */
export function defineInterface(
  target: InterfaceClass,
  name: string,
  constants: Readonly<Record<string, number>> = {},
): void {
  const { prototype } = target;
  setName(target, name);
  for (const key of Object.getOwnPropertyNames(prototype)) {
    if (key !== "constructor") Object.defineProperty(prototype, key, { enumerable: true });
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
  for (const [key, value] of Object.entries(constants)) {
    Object.defineProperty(target, key, { value, enumerable: true });
    Object.defineProperty(prototype, key, { value, enumerable: true });
  }
}

/**
 * Checks that there are enough arguments: a missing argument is not the same as undefined.
 *
 * @throws {TypeError} When there are fewer than `count`.
 */
export function requireArguments(given: ArrayLike<unknown>, count: number, what: string): void {
  if (given.length >= count) return;
  throw new TypeError(`${what}: expected ${count} argument, got ${given.length}`);
}

/** The error of a member that was called on another object. */
export function illegalInvocation(name: string, value: unknown): TypeError {
  return new TypeError(`Illegal invocation: expected a ${name} as this, got ${kindOf(value)}`);
}

/**
 * Converts to a dictionary.
 *
 * @throws {TypeError} When the value is neither an object, nor undefined or null.
 */
export function toDictionary<T extends object>(value: T | null | undefined, what: string): T {
  if (value === undefined || value === null) return {} as T;
  if (typeof value === "object" || typeof value === "function") return value;
  throw new TypeError(`Expected ${what} to be an object, got ${kindOf(value)}`);
}

/** Converts to a sequence of strings. */
export function toList(value: Iterable<unknown>): string[] {
  return Array.from(value, (member) => `${member}`);
}

/** Converts to an unsigned short: [Clamp], which rounds half to even. */
export function clampShort(value: unknown): number {
  const number = Number(value);
  if (!(number > 0)) return 0;
  const floor = Math.floor(Math.min(number, 65_535));
  const rest = number - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? Math.min(floor + 1, 65_535) : floor;
}

/**
 * Converts to an unsigned short: [EnforceRange].
 *
 * @throws {TypeError} When it is not between 0 and 65535.
 */
export function enforceShort(value: unknown, what: string): number {
  // Not -0.
  const number = Math.trunc(Number(value)) + 0;
  if (number >= 0 && number <= 65_535) return number;
  throw new TypeError(`Expected ${what} between 0 and 65535, got ${Number(value)}`);
}

/** Whether a value is a BufferSource: a view, or memory that is not shared. */
export function isBufferSource(data: unknown): data is ArrayBuffer | ArrayBufferView {
  return ArrayBuffer.isView(data) || isArrayBuffer(data);
}

/**
 * Checks the memory of a BufferSource, which may be neither shared nor resizable, because it could
 * change while it is read.
 *
 * @throws {TypeError} When it is.
 */
export function checkMemory(data: ArrayBuffer | ArrayBufferView): void {
  const buffer = ArrayBuffer.isView(data) ? data.buffer : data;
  // In this order, because asking memory that is not shared whether it is shared costs an
  // exception.
  const kind = isArrayBuffer(buffer)
    ? ((buffer as { resizable?: boolean }).resizable ? "resizable" : "")
    : isSharedBuffer(buffer)
    ? "shared"
    : "";
  if (kind === "") return;
  throw new TypeError(`Expected memory that is not ${kind}: send a copy, such as slice() makes`);
}
