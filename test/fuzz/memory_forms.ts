// Memory in every form that can be sent, of this realm and of another, and what becomes of it once it may change.

import { Buffer } from "node:buffer";
import type { BinaryData, Bytes } from "../../src/util/bytes.ts";
import { foreign } from "../support/realm.ts";

/** The forms. A "part" has memory of its buffer before and behind it; "tracking" is as long as its buffer. */
export const FORMS = [
  "bytes",
  "part",
  "view",
  "signed",
  "words",
  "buffer",
  "Buffer",
  "shared",
  "sharedPart",
  "resizable",
  "resizablePart",
  "tracking",
] as const;

/** One of them. */
export type Form = typeof FORMS[number];

/** How memory changes. What cannot be transferred or resized is filled. */
export type Change = "keep" | "fill" | "transfer" | "resize";

/** Memory that holds some octets. */
export interface Held {
  /** What is sent. */
  readonly data: BinaryData;
  /** Changes it. */
  change(how: Change): void;
}

/** The classes of memory of one realm. */
interface Realm {
  readonly ArrayBuffer: typeof ArrayBuffer;
  readonly SharedArrayBuffer: typeof SharedArrayBuffer;
  readonly DataView: typeof DataView;
  readonly Uint8Array: typeof Uint8Array;
  readonly Int8Array: typeof Int8Array;
  readonly Uint16Array: typeof Uint16Array;
}

/** ES2022 does not know it. */
interface ResizableBuffer extends ArrayBuffer {
  resize(length: number): void;
}

/** One for all samples: to make one costs a millisecond. */
const abroad = foreign<Realm>(
  "{ ArrayBuffer, SharedArrayBuffer, DataView, Uint8Array, Int8Array, Uint16Array }",
);

/** Holds a copy of the octets, `before` octets behind the start of the buffer where the form is a part of it. */
export function hold(octets: Bytes, form: Form, isForeign: boolean, before: number): Held {
  if (form === "Buffer") {
    // A small one lies in memory that all share, which cannot be transferred.
    const data = Buffer.from(octets);
    return { data, change: (how) => void (how !== "keep" && data.fill(0xee)) };
  }
  const realm: Realm = isForeign ? abroad : globalThis;
  const isPart = !["bytes", "buffer", "shared", "resizable", "tracking"].includes(form);
  const start = isPart ? before : 0;
  const buffer = allocate(realm, form, start + octets.length + (isPart ? 3 : 0));
  new Uint8Array(buffer).fill(0xdd);
  new Uint8Array(buffer).set(octets, start);
  const data = viewOf(realm, form, buffer, start, octets.length);
  return { data, change: (how) => change(buffer, form, how) };
}

function allocate(realm: Realm, form: Form, length: number): ArrayBufferLike {
  if (form.startsWith("shared")) return new realm.SharedArrayBuffer(length);
  if (!isResizable(form)) return new realm.ArrayBuffer(length);
  return Reflect.construct(realm.ArrayBuffer, [length, { maxByteLength: length + 8 }]);
}

/** Whether its buffer can be resized. */
export function isResizable(form: Form): boolean {
  return form === "tracking" || form.startsWith("resizable");
}

function viewOf(
  realm: Realm,
  form: Form,
  buffer: ArrayBufferLike,
  start: number,
  length: number,
): BinaryData {
  switch (form) {
    case "buffer":
    case "shared":
    case "resizable":
      return buffer;
    case "tracking":
      return new realm.Uint8Array(buffer);
    case "view":
      return new realm.DataView(buffer, start, length);
    case "words":
      if (start % 2 === 0 && length % 2 === 0) {
        return new realm.Uint16Array(buffer, start, length / 2);
      }
      return new realm.Int8Array(buffer, start, length);
    case "signed":
      return new realm.Int8Array(buffer, start, length);
    default:
      return new realm.Uint8Array(buffer, start, length);
  }
}

function change(buffer: ArrayBufferLike, form: Form, how: Change): void {
  if (how === "keep") return;
  if (how === "resize" && isResizable(form)) return (buffer as ResizableBuffer).resize(0);
  if (how === "transfer" && !form.startsWith("shared")) {
    return void structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
  }
  new Uint8Array(buffer).fill(0xee);
}
