// A connection that asks for one page after the other, and compares what comes.

import { createResponseParser, HeadParser, type ResponseHead } from "../../src/core.ts";
import { dial, type Socket, type SocketOwner } from "./socket.ts";

const REQUEST: Uint8Array = new TextEncoder().encode(
  "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n",
);
const LETTER = "a".charCodeAt(0);

/** What is told of the pages. */
export interface PageDriver {
  /** Connected. */
  opened(connection: PageConnection): void;
  /** A page has come as it should. */
  answered(connection: PageConnection): void;
  /** What must not happen has happened. */
  failed(error: Error): void;
}

/** A connection that is kept alive. */
export class PageConnection implements SocketOwner {
  /** When the request was sent that is under way. */
  sentAt = 0;
  readonly #size: number;
  readonly #driver: PageDriver;
  readonly #parser: HeadParser<ResponseHead> = createResponseParser();
  #socket: Socket | undefined;
  /** Octets of the body that have come; undefined before it begins. */
  #body: number | undefined;

  /** Starts to connect. */
  constructor(port: number, size: number, driver: PageDriver) {
    this.#size = size;
    this.#driver = driver;
    dial(port, this, false);
  }

  opened(socket: Socket): void {
    this.#socket = socket;
    this.#driver.opened(this);
  }

  /** Asks for the page. */
  ask(): void {
    this.sentAt = performance.now();
    if (this.#socket!.write(REQUEST) !== REQUEST.length) this.#fail("A request had to wait");
  }

  received(chunk: Buffer<ArrayBuffer>): void {
    let rest: Uint8Array = chunk;
    if (this.#body === undefined) {
      const result = this.#parser.push(chunk);
      if (result === undefined) return;
      if ("fault" in result) return this.#fail(result.fault.reason);
      const { status, headers } = result.head;
      const length = headers.get("content-length");
      if (status !== 200 || length !== String(this.#size)) {
        return this.#fail(`Expected 200 with ${this.#size} octets, got ${status} with ${length}`);
      }
      this.#body = 0;
      rest = result.rest;
    }
    for (const octet of rest) if (octet !== LETTER) return this.#fail("The page is another one");
    this.#body += rest.length;
    if (this.#body < this.#size) return;
    if (this.#body > this.#size) return this.#fail("The page is too long");
    this.#body = undefined;
    this.#driver.answered(this);
  }

  drained(): void {}

  ended(error?: Error): void {
    this.#driver.failed(error ?? new Error("The server has ended a connection"));
  }

  #fail(message: string): void {
    this.#driver.failed(new Error(message));
  }
}
