// Values that the library did not get from its own realm: from a context of node:vm, and of classes such as jsdom and
// polyfills have, which are related to the platform's by their names alone.

import { runInNewContext } from "node:vm";

/** Evaluates an expression in a realm of its own. */
export function foreign<T>(expression: string): T {
  return runInNewContext(`(${expression})`) as T;
}

/** A Uint8Array of another realm. */
export function foreignBytes(octets: Iterable<number>): Uint8Array<ArrayBuffer> {
  return foreign<(octets: readonly number[]) => Uint8Array<ArrayBuffer>>(
    "(octets) => Uint8Array.from(octets)",
  )([...octets]);
}

/** A Blob that is none of the platform's. */
export class ForeignBlob {
  readonly #bytes: Uint8Array<ArrayBuffer>;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  get [Symbol.toStringTag](): string {
    return "Blob";
  }

  slice(start: number, end: number): ForeignBlob {
    return new ForeignBlob(this.#bytes.slice(start, end));
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return Promise.resolve(foreignBytes(this.#bytes).buffer);
  }
}

/** A set of header fields that is none of the platform's. */
export class ForeignHeaders {
  readonly #fields: readonly (readonly [string, string])[];

  constructor(...fields: readonly (readonly [string, string])[]) {
    this.#fields = fields;
  }

  get(name: string): string | null {
    return this.#fields.find(([key]) => key === name)?.[1] ?? null;
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  [Symbol.iterator](): Iterator<readonly [string, string]> {
    return this.#fields[Symbol.iterator]();
  }
}

/** A Response that is none of the platform's. */
export class ForeignResponse {
  readonly status: number;
  readonly statusText = "";
  readonly headers: ForeignHeaders;
  readonly bodyUsed = false;
  readonly body: ReadableStream<Uint8Array>;
  readonly #text: string;

  constructor(text: string, status: number, ...fields: readonly (readonly [string, string])[]) {
    this.#text = text;
    this.status = status;
    this.headers = new ForeignHeaders(...fields);
    this.body = new ReadableStream({
      start(controller) {
        controller.enqueue(foreignBytes(new TextEncoder().encode(text)));
        controller.close();
      },
    });
  }

  clone(): ForeignResponse {
    return new ForeignResponse(this.#text, this.status, ...this.headers);
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return Promise.resolve(foreignBytes(new TextEncoder().encode(this.#text)).buffer);
  }
}

/** A signal that is none of the platform's, and an old one: it has neither `reason` nor `throwIfAborted()`. */
export class ForeignSignal {
  aborted = false;
  readonly #listeners = new Set<() => void>();

  addEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.delete(listener);
  }

  abort(): void {
    this.aborted = true;
    for (const listener of this.#listeners) listener();
  }
}

/** Memory that can be resized; ES2022 does not know it. */
export function resizable(): ArrayBuffer {
  return Reflect.construct(ArrayBuffer, [3, { maxByteLength: 4 }]) as ArrayBuffer;
}
