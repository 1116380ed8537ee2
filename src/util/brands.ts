// What a value is, made by any realm or library: jsdom, Jest and node:vm have classes of their own,
// and so has each copy of this package. `instanceof` knows the classes of one realm only, so no
// other file uses it (a structure test).
//
// 1. Memory is known by its internal slots, which nothing can pretend to have.
// 2. A class of the web platform is known by its tag and by the members that the library uses: a
//    polyfill is as good as the original.
// 3. A class of our own is known by a mark on its prototype, a registered symbol: `instanceof` asks
//    for that; see `brand()`.

const { toString } = Object.prototype;
const getByteLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength")!.get!;

/** What sort of thing a value is, for messages: "null", "number", "Array", "Blob". */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  return typeof value === "object" ? toString.call(value).slice(8, -1) : typeof value;
}

/**
 * Whether a value is a Uint8Array of this realm, or of a subclass. The code that handles each
 * message asks this first: nearly all bytes are such, and the check is the cheapest.
 */
export function isOwnUint8Array(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

/** Whether a value is a Uint8Array, of any realm. */
export function isUint8Array(value: unknown): value is Uint8Array {
  return isOwnUint8Array(value) || (ArrayBuffer.isView(value) && kindOf(value) === "Uint8Array");
}

/** Whether a value is memory, or a view of some, shared or not. */
export function isBytes(value: unknown): value is ArrayBufferLike | ArrayBufferView {
  return ArrayBuffer.isView(value) || isArrayBuffer(value) || isSharedBuffer(value);
}

/** Whether a value is an ArrayBuffer, of any realm. */
export function isArrayBuffer(value: unknown): value is ArrayBuffer {
  return hasSlot(value, getByteLength);
}

/** Whether a value is a SharedArrayBuffer, of any realm. */
export function isSharedBuffer(value: unknown): value is SharedArrayBuffer {
  // Not every page of a browser has it.
  const prototype = globalThis.SharedArrayBuffer?.prototype as object | undefined;
  const getter = prototype && Object.getOwnPropertyDescriptor(prototype, "byteLength")?.get;
  return getter !== undefined && hasSlot(value, getter);
}

function hasSlot(value: unknown, getter: () => unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  try {
    getter.call(value);
    return true;
  } catch {
    return false;
  }
}

/** Whether a value is a Blob, or a File. */
export function isBlob(value: unknown): value is Blob {
  return typeof value === "object" && value !== null && /^(?:Blob|File)$/.test(kindOf(value)) &&
    "arrayBuffer" in value && "slice" in value && "size" in value;
}

/** Whether a value is a Response whose body, if there is one, is a web stream. */
export function isResponse(value: unknown): value is Response {
  if (typeof value !== "object" || value === null) return false;
  const { status, headers, body } = value as { [Key in keyof Response]?: unknown };
  return typeof status === "number" && typeof headers === "object" && headers !== null &&
    Symbol.iterator in headers &&
    (body === null || typeof (body as Partial<ReadableStream>)?.getReader === "function");
}

/** Whether a value is an Error, or a DOMException. */
export function isError(value: unknown): value is Error {
  if (typeof value !== "object" || value === null) return false;
  return /^(?:Error|DOMException)$/.test(kindOf(value)) ||
    ("stack" in value && "message" in value && typeof value.message === "string");
}

/** Gives a class the name that it has in its source: bundlers call some `_Name` or `Name2`. */
export function setName(target: object, name: string): void {
  Object.defineProperty(target, "name", { value: name });
}

/**
 * Makes `instanceof` hold for the instances of every copy of a class: the package may be loaded
 * twice in one process, by `import` and by `require()`.
 *
 * @param target The class.
 * @param name Its name among ours.
 */
export function brand(target: { readonly prototype: object }, name: string): void {
  const mark = Symbol.for(`@sansocket/ws/${name}`);
  setName(target, name);
  Object.defineProperty(target.prototype, mark, { value: true });
  Object.defineProperty(target, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      // A user's subclass has instances of its own.
      if (this !== target) return Function.prototype[Symbol.hasInstance].call(this, value);
      return typeof value === "object" && value !== null && mark in value;
    },
  });
}
