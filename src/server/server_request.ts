// The Request that `fetch` gets. It is like any other, except for two things that a server knows,
// and one that a client saves.
//
// 1. The server recognizes the error with which `json()`, `formData()` and `readForm()` reject when
//    the body is none of that. That is the client's mistake: when a handler lets the error through,
//    the client gets 400.
// 2. `signal` aborts when the client goes. It is made when the handler asks for it: to give one to
//    each Request costs Node 20 four times as much as the Request (38 µs and 10), Deno 1.6 and Bun
//    2.2 times as much.
// 3. The class is made with the first Request. Node loads its `fetch` when something asks for the
//    global `Request`: a client that starts, connects and ends then takes 13% more CPU time.

/** How to answer a body that is not what was asked for. */
export interface BodyMistake {
  /** The status. */
  readonly status: 400 | 413;
  /** What was expected, as a sentence. */
  readonly reason: string;
}

/** What reading a body failed with. */
const mistakes = new WeakMap<object, BodyMistake>();

/** The departure of a client, about which few handlers ask. */
export class Departure {
  /** What the signal aborts with, once the client has gone. */
  reason: DOMException | undefined;
  #controller: AbortController | undefined;

  /** Aborts when the client goes. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.reason !== undefined) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  /** The client has gone, as the message says. */
  tell(message: string): void {
    if (this.reason !== undefined) return;
    this.reason = new DOMException(message, "AbortError");
    this.#controller?.abort(this.reason);
  }

  /** Whether something failed because of it. */
  explains(error: unknown): boolean {
    return this.reason !== undefined &&
      (error === this.reason || (error as { name?: unknown } | null)?.name === "AbortError");
  }
}

type ServerRequestClass = new (
  input: string | Request,
  init?: RequestInit,
  departure?: Departure,
) => Request;

/** The class, once it has been needed; see rule 3. */
let ServerRequest: ServerRequestClass | undefined;

/**
 * Makes the Request of a client, whose body may be anything.
 *
 * @param departure Without it the signal never aborts.
 */
export function createServerRequest(
  input: string | Request,
  init?: RequestInit,
  departure?: Departure,
): Request {
  ServerRequest ??= defineServerRequest();
  return new ServerRequest(input, init, departure);
}

function defineServerRequest(): ServerRequestClass {
  return class ServerRequest extends Request {
    readonly #departure: Departure | undefined;

    constructor(input: string | Request, init?: RequestInit, departure?: Departure) {
      super(input, init);
      this.#departure = departure;
    }

    /** Aborts when the client goes before it has its answer. */
    override get signal(): AbortSignal {
      return this.#departure?.signal ?? super.signal;
    }

    /** As that of any Request. */
    override json(): Promise<unknown> {
      return readBody(this, () => super.json(), "JSON");
    }

    /** As that of any Request. */
    override formData(): Promise<FormData> {
      return readBody(this, () => super.formData(), "a form that is encoded as Content-Type says");
    }

    /** A copy with the same signal. */
    override clone(): Request {
      return new ServerRequest(super.clone(), undefined, this.#departure);
    }
  };
}

/**
 * Says of an error that it is the client's mistake, also to another copy of this package: unless
 * the application catches the error, the client gets this answer.
 */
export const BODY_MISTAKE: symbol = Symbol.for("@sansocket/ws/bodyMistake");

/** The client's mistake, when reading a body has rejected with this error. */
export function mistakeInBody(error: unknown): BodyMistake | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  return mistakes.get(error) ??
    (error as Readonly<Record<symbol, BodyMistake | undefined>>)[BODY_MISTAKE];
}

async function readBody<T>(
  request: Request,
  read: () => Promise<T>,
  expected: string,
): Promise<T> {
  // Reading twice is the application's mistake.
  const fresh = !request.bodyUsed && request.body?.locked !== true;
  try {
    return await read();
  } catch (error) {
    if (fresh && typeof error === "object" && error !== null) {
      mistakes.set(error, { status: 400, reason: `Expected the body to be ${expected}` });
    }
    throw error;
  }
}
