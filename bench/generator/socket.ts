// TCP and TLS by Bun's own sockets, the cheapest that JavaScript has on Linux: a read and a write of 20 B cost 6 µs together,
// 9 with node:net. Types of our own, because no other runtime has Bun's.

/** The part of `Bun.Socket` that the generator uses. */
export interface Socket {
  /** Whoever the socket belongs to. */
  data: SocketOwner;
  /** Hands bytes to the system; returns how many it took. */
  write(bytes: Uint8Array, offset?: number, length?: number): number;
  /** Ends with a FIN. */
  end(): void;
  /** Ends with a reset. */
  terminate(): void;
}

/** What is told of a socket. */
export interface SocketOwner {
  /** Connected. */
  opened(socket: Socket): void;
  /** Bytes have come. */
  received(chunk: Buffer<ArrayBuffer>): void;
  /** There is room to write again. */
  drained(): void;
  /** The connection has ended. */
  ended(error?: Error): void;
}

interface BunGlobal {
  connect(options: {
    hostname: string;
    port: number;
    tls?: { rejectUnauthorized: boolean };
    data: SocketOwner;
    socket: Record<string, unknown>;
  }): Promise<Socket>;
}

/** One object for all sockets: each event goes to the owner of its socket. */
const handlers = {
  open: (socket: Socket) => socket.data.opened(socket),
  data: (socket: Socket, chunk: Buffer<ArrayBuffer>) => socket.data.received(chunk),
  drain: (socket: Socket) => socket.data.drained(),
  close: (socket: Socket, error?: Error) => socket.data.ended(error),
  // Without this hook Bun would print the error and go on.
  error(_: Socket, error: Error) {
    throw error;
  },
};

/** The same with TLS: a connection is open when its handshake is complete. */
const secureHandlers = {
  ...handlers,
  open() {},
  handshake(socket: Socket, success: boolean, error: Error) {
    if (success) socket.data.opened(socket);
    else throw error;
  },
};

/** Connects to a port of this machine, with TLS or without. */
export function dial(port: number, owner: SocketOwner, secure: boolean): void {
  const { Bun } = globalThis as unknown as { Bun: BunGlobal };
  // The certificate is the bench's own.
  const tls = { rejectUnauthorized: false };
  const how = secure ? { tls, socket: secureHandlers } : { socket: handlers };
  Bun.connect({ hostname: "127.0.0.1", port, data: owner, ...how })
    .catch((error: Error) => owner.ended(error));
}
