// A connection by hand, for what a queue and an inbox do with one.

import { ConnectionClosed } from "@sansocket/ws";
import type { ClientConnection, CloseInfo, ConnectionState, Message } from "@sansocket/ws";
import { withoutConnection } from "../../src/reconnect/failure.ts";
import { defer, type Deferred } from "../../src/util/promises.ts";

/** A connection that does what a test says. */
export class FakeConnection implements ClientConnection {
  readonly protocol = "";
  readonly extensions = "";
  state: ConnectionState = "open";
  bufferedAmount = 0;
  /** What was sent on it. */
  readonly got: unknown[] = [];
  /** The promises of `send()`, where it was told to keep them. */
  readonly sends: Deferred<void>[] = [];
  /** Whether the promises of `send()` wait. */
  slow = false;
  /** The Pings that were sent, each with what answers it. */
  readonly pings: (() => void)[] = [];
  ping: ((data?: string) => Promise<number>) | undefined;
  readonly closing: Deferred<CloseInfo> = defer();
  readonly #messages: Message[] = [];
  readonly #receivers: Deferred<Message>[] = [];

  get unread(): number {
    return this.#messages.length;
  }

  get closed(): Promise<CloseInfo> {
    return this.closing.promise;
  }

  send(data: unknown): Promise<void> {
    this.got.push(data);
    if (!this.slow) return Promise.resolve();
    const sent = defer<void>();
    this.sends.push(sent);
    return sent.promise;
  }

  /** A message comes. */
  arrive(message: Message): void {
    const receiver = this.#receivers.shift();
    if (receiver === undefined) this.#messages.push(message);
    else receiver.resolve(message);
  }

  receive(): Promise<Message> {
    const message = this.#messages.shift();
    if (message !== undefined) return Promise.resolve(message);
    if (this.state === "closed") return Promise.reject(new ConnectionClosed(this.info(false)));
    const receiver = defer<Message>();
    this.#receivers.push(receiver);
    return receiver.promise;
  }

  /** How it ended: cleanly by a Close frame of this end, or else lost. */
  info(wasClean: boolean): CloseInfo {
    return { ...withoutConnection(undefined, wasClean), wasClean };
  }

  /** The connection ends. */
  end(wasClean = false): CloseInfo {
    this.state = "closed";
    const info = this.info(wasClean);
    for (const receiver of this.#receivers.splice(0)) receiver.reject(new ConnectionClosed(info));
    this.closing.resolve(info);
    return info;
  }

  close(): Promise<CloseInfo> {
    this.end(true);
    return this.closed;
  }

  terminate(): void {
    this.end();
  }

  ignoreMessages(): void {}
}
