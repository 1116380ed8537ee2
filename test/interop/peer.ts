// What the behaviours need from a foreign peer. An adapter says what its peer cannot do, and why, so
// that a behaviour that is not shown is a skipped test with a reason, and never a silent gap.

import type { CompressionOptions } from "@sansocket/ws";

/** A message, as both sides of every test see it. */
export type Message = string | Uint8Array<ArrayBuffer>;

/** What some peers have no interface for. */
export type Ability =
  | "ping"
  | "fragment"
  | "subprotocol"
  | "status"
  | "body"
  | "reason"
  /** Reads what comes behind its own Close frame. */
  | "answer"
  | "compression";

/** What every peer says of itself. */
export interface Peer {
  /** Its name in the tests' names. */
  readonly name: string;
  /** Why it cannot do something. */
  readonly cannot: Partial<Record<Ability, string>>;
  /** For a peer with which compression is not just `true`. */
  readonly compression?: {
    /** What our side's is set to. */
    readonly options: CompressionOptions;
    /** Why. */
    readonly why: string;
    /** What the peer cannot do while there is compression. */
    readonly cannot?: Partial<Record<Ability, string>>;
  };
  /**
   * For a program of its own, which takes a while to start: what is not installed here that it
   * needs, or undefined when all is. Everything is then shown in one test with one process.
   */
  readonly program?: { readonly missing: string | undefined };
}

/** The peer's end of a connection. */
export interface PeerSocket {
  /** Sends a message in one frame. */
  send(message: Message): void;
  /** Starts the closing handshake. */
  close(code?: number, reason?: string): void;
  /** Sends a Ping. */
  ping?(data: string): void;
  /** Sends a text message with one frame for each part. */
  sendFragments?(parts: readonly string[]): void;
}

/** What a foreign server reports. */
export interface PeerServerHooks {
  /** A message came. */
  message(socket: PeerSocket, message: Message): void;
  /** A Pong came. */
  pong(socket: PeerSocket, data: string): void;
  /** The connection has ended. */
  close(code: number, reason: string): void;
}

/** A foreign server. It takes the subprotocol "chat.v2" and answers `/refuse` with 403. */
export interface PeerServer extends Peer {
  /** Starts it on a free port of 127.0.0.1. */
  start(hooks: PeerServerHooks): Promise<RunningPeerServer>;
}

/** A foreign server that runs. */
export interface RunningPeerServer {
  /** Its port on 127.0.0.1. */
  readonly port: number;
  /** What its paths begin with; nothing unless told. */
  readonly prefix?: string;
  /** Stops it. */
  stop(): Promise<void>;
}

/** A foreign client's connection. */
export interface PeerConnection extends PeerSocket {
  /** The subprotocol in use. */
  readonly protocol: string;
  /** The next message. */
  receive(): Promise<Message>;
  /** Resolves when the next Pong comes. */
  pong?(): Promise<string>;
  /** The close code and reason that the peer saw. */
  readonly closed: Promise<{ code: number; reason: string }>;
}

/** A foreign client. */
export interface PeerClient extends Peer {
  /** Starts what `connect()` needs; for a program of its own. */
  start?(): Promise<{ stop(): Promise<void> }>;
  /** Connects; rejects when it is refused. */
  connect(url: string, protocols: string[]): Promise<PeerConnection>;
}

/** A queue whose reader waits. */
export class Queue<T> {
  #items: T[] = [];
  #readers: { resolve(item: T): void; reject(error: Error): void }[] = [];
  #error: Error | undefined;

  /** Adds an item, or hands it to the reader that waits longest. */
  push(item: T): void {
    const reader = this.#readers.shift();
    if (reader) reader.resolve(item);
    else this.#items.push(item);
  }

  /** The next item, now or later. */
  shift(): Promise<T> {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift() as T);
    if (this.#error) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  /** Nothing more will come. */
  fail(error: Error): void {
    this.#error ??= error;
    for (const { reject } of this.#readers.splice(0)) reject(error);
  }
}

/** A plain `Uint8Array` of what a peer calls bytes. */
export function toBytes(
  data: Uint8Array | ArrayBuffer | readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (data instanceof Uint8Array) return new Uint8Array(data);
  return new Uint8Array(data.flatMap((part) => [...part]));
}
