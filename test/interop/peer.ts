// What the behaviours need from a foreign peer. An adapter says what its peer cannot do, and why, so
// that a behaviour that is not shown is a skipped test with a reason, and never a silent gap.

/** A message, as both sides of every test see it. */
export type Message = string | Uint8Array<ArrayBuffer>;

/** What some peers have no interface for. */
export type Ability = "ping" | "fragment" | "status" | "reason";

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
export interface PeerServer {
  /** Its name in the tests' names. */
  readonly name: string;
  /** Why it cannot do something. */
  readonly cannot: Partial<Record<Ability, string>>;
  /** Starts it on a free port of 127.0.0.1. */
  start(hooks: PeerServerHooks): Promise<{ port: number; stop(): Promise<void> }>;
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
export interface PeerClient {
  /** Its name in the tests' names. */
  readonly name: string;
  /** Why it cannot do something. */
  readonly cannot: Partial<Record<Ability, string>>;
  /** Connects; rejects when it is refused. */
  connect(url: string, protocols: string[]): Promise<PeerConnection>;
}

/** A queue whose reader waits. */
export class Queue<T> {
  #items: T[] = [];
  #readers: ((item: T) => void)[] = [];

  /** Adds an item, or hands it to the reader that waits longest. */
  push(item: T): void {
    const reader = this.#readers.shift();
    if (reader) reader(item);
    else this.#items.push(item);
  }

  /** The next item, now or later. */
  shift(): Promise<T> {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift() as T);
    return new Promise((resolve) => this.#readers.push(resolve));
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
