// A stream that is not the runtime's own socket, in place of the socket of a NodeTransport: a
// `Duplex`, a proxy, or a subclass. Its methods and getters are a program's code, which can throw.
//
// 1. What the stream throws ends it as an 'error' does: the stream is destroyed, and 'error' and
//    'close' follow in a microtask. The callers in NodeTransport see no exception.
// 2. 'close' comes exactly once. It does not wait for the stream's own, because a stream may have
//    been made with `emitClose: false`, and its `destroy()` may throw or do nothing.
// 3. An 'error' ends the stream, even one that was made with `autoDestroy: false`.
// 4. What the stream throws is also reported: it is a fault of the program, not of the peer.
//
// The runtime's own sockets (plain_socket.ts) go without this, and so pay nothing for it.

import type { Socket } from "node:net";
import { asError } from "../../src/util/as_error.ts";

type Listener = (this: Socket, ...args: never[]) => void;

/** A stream may lack what a socket has, or have what a TLS socket has. */
type Foreign = Partial<Socket> & {
  readonly encrypted?: unknown;
  readonly servername?: unknown;
  getPeerCertificate?(): unknown;
};

/**
 * A stream that does not throw, with the members of a socket that NodeTransport and `attach()` use.
 */
export class ForeignStream {
  readonly #stream: Foreign;
  readonly #report: (error: Error) => void;
  #over = false;
  #error: Error | undefined;
  #onError: Listener | undefined;
  #onClose: Listener | undefined;

  /**
   * @param stream The stream.
   * @param report Called with what the stream throws, at most once.
   * @returns The stream in the place of a socket.
   */
  static guard(stream: Socket, report: (error: Error) => void): Socket {
    return new ForeignStream(stream, report) as unknown as Socket;
  }

  private constructor(stream: Foreign, report: (error: Error) => void) {
    this.#stream = stream;
    this.#report = report;
    this.#call("on", "error", (error: unknown) => this.#end(asError(error)));
    this.#call("on", "close", () => void (this.#over || this.#closed()));
  }

  get remoteAddress(): string | undefined {
    return this.#get("remoteAddress");
  }
  get remotePort(): number | undefined {
    return this.#get("remotePort");
  }
  get localAddress(): string | undefined {
    return this.#get("localAddress");
  }
  get localPort(): number | undefined {
    return this.#get("localPort");
  }
  get encrypted(): unknown {
    return this.#get("encrypted");
  }
  get servername(): unknown {
    return this.#get("servername");
  }
  get destroyed(): boolean {
    return this.#over || this.#get("destroyed") === true;
  }
  get errored(): Error | null {
    return this.#error ?? this.#get("errored") ?? null;
  }
  get writableLength(): number {
    return this.#get("writableLength") ?? 0;
  }
  get writableEnded(): boolean {
    return this.#get("writableEnded") ?? true;
  }
  set allowHalfOpen(value: boolean) {
    try {
      this.#stream.allowHalfOpen = value;
    } catch (error) {
      this.#threw(error);
    }
  }

  on(name: string, listener: Listener): this {
    if (name === "error") this.#onError = listener;
    else if (name === "close") this.#onClose = listener;
    else {
      this.#call("on", name, (...args: never[]) => {
        if (!this.#over) Reflect.apply(listener, this, args);
      });
    }
    return this;
  }

  write(chunk: Uint8Array, left?: (error?: Error | null) => void): boolean {
    if (this.#over) return false;
    try {
      return this.#stream.write!(chunk, left);
    } catch (error) {
      this.#threw(error);
      return false;
    }
  }

  end(left?: () => void): void {
    // A callback that is undefined is an argument too, for a stream that counts them.
    if (left === undefined) this.#call("end");
    else this.#call("end", left);
  }

  pause(): void {
    this.#call("pause");
  }

  resume(): void {
    this.#call("resume");
  }

  unref(): void {
    this.#call("unref");
  }

  setTimeout(milliseconds: number): void {
    this.#call("setTimeout", milliseconds);
  }

  setNoDelay(noDelay: boolean): void {
    this.#call("setNoDelay", noDelay);
  }

  getPeerCertificate(): unknown {
    return this.#call("getPeerCertificate");
  }

  destroy(error?: Error): void {
    this.#end(error);
  }

  #get<Name extends keyof Foreign>(name: Name): Foreign[Name] | undefined {
    try {
      return this.#stream[name];
    } catch (error) {
      this.#threw(error);
      return undefined;
    }
  }

  /** Calls a method, if the stream has it. */
  #call(name: keyof Foreign, ...args: unknown[]): unknown {
    if (this.#over) return undefined;
    try {
      const method: unknown = this.#stream[name];
      return typeof method === "function" ? Reflect.apply(method, this.#stream, args) : undefined;
    } catch (error) {
      this.#threw(error);
      return undefined;
    }
  }

  #threw(thrown: unknown): void {
    if (!this.#over) this.#end(asError(thrown), true);
  }

  #end(error: Error | undefined, thrown = false): void {
    if (this.#over) return;
    this.#over = true;
    try {
      this.#stream.destroy!();
    } catch (another) {
      if (error === undefined) [error, thrown] = [asError(another), true];
    }
    this.#closed(error, thrown);
  }

  #closed(error?: Error, thrown = false): void {
    this.#over = true;
    this.#error = error;
    // The transport's methods return before its sink is called.
    queueMicrotask(() => {
      if (error !== undefined) this.#tell(this.#onError, error);
      this.#tell(this.#onClose);
      if (thrown) this.#report(error!);
    });
  }

  #tell(listener: Listener | undefined, ...args: unknown[]): void {
    if (listener !== undefined) Reflect.apply(listener, this, args);
  }
}
