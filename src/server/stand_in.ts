// What `fetch` answers with: a Response, or one that stands for an upgrade.
//
// 1. Frameworks hand on copies of a Response, and middleware adds header fields to it. So a field
//    with a random value marks a stand-in, and the fields that were added to it go into the 101.
// 2. Most programs return it as it is. A real Response takes 8.8 µs on Node, so it is made when
//    something of the stand-in is read: until then it is an object with the prototype of Response.

import type { HandshakeRefusal } from "../handshake/refusal.ts";
import { isResponse, kindOf } from "../util/brands.ts";
import { toHeaders } from "../http/fields.ts";
import type { HeadersSource } from "../util/platform.ts";
import type { UpgradeDecision } from "./upgrade.ts";

/** The refusal of a server that is being closed. */
export const SHUTTING_DOWN: HandshakeRefusal = {
  status: 503,
  reason: "The server is shutting down",
  // Long enough for another process to take the port over, short enough for a person who waits.
  headers: [["Retry-After", "5"]],
  cause: "closing",
};

const MARK = "sansocket-upgrade";
/** Fields that describe the body of a Response, which a 101 does not have, and the mark. */
const NOT_FOR_101: readonly string[] = [
  MARK,
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** An object that becomes a Response when it is read. */
interface StandIn {
  /** Makes the Response; undefined once it has been made. */
  make: (() => Response) | undefined;
}

/** The class of these objects, with all members of the Response of the runtime. */
let StandInClass: (new (make: () => Response) => StandIn & Response) | undefined;
/** What an object of the class was made for; undefined for any other. */
let standInOf: ((response: object) => StandIn | undefined) | undefined;

function defineStandIn(): NonNullable<typeof StandInClass> {
  class LateResponse implements StandIn {
    make: (() => Response) | undefined;
    #real: Response | undefined;

    constructor(make: () => Response) {
      // Not one of its members for code that copies them.
      Object.defineProperty(this, "make", { value: make, writable: true });
    }

    static {
      standInOf = (response) => #real in response ? response : undefined;
      const { prototype } = Response;
      for (const name of Object.getOwnPropertyNames(prototype)) {
        const { get, value } = Object.getOwnPropertyDescriptor(prototype, name)!;
        if (name === "constructor") continue;
        const own = get === undefined
          ? {
            value(this: LateResponse, ...args: unknown[]): unknown {
              return (value as (...args: unknown[]) => unknown).apply(this.#read(), args);
            },
            writable: true,
          }
          : {
            get(this: LateResponse): unknown {
              return get.call(this.#read());
            },
          };
        Object.defineProperty(this.prototype, name, { ...own, configurable: true });
      }
      Object.setPrototypeOf(this.prototype, prototype);
    }

    #read(): Response {
      this.#real ??= this.make!();
      this.make = undefined;
      return this.#real;
    }
  }
  return LateResponse as unknown as NonNullable<typeof StandInClass>;
}

/** Whether a Response stands for an upgrade, and has not been read. */
export function isStandIn(response: Response): boolean {
  return standInOf?.(response)?.make !== undefined;
}

/** The upgrades that were decided on for one request, by the Response that stands for each. */
export class StandIns {
  /** Those whose Response has been made. */
  #decisions: Map<string, UpgradeDecision> | undefined;
  /** The one that was made last, and what it stands for. */
  #last: object | undefined;
  #decision: UpgradeDecision | undefined;

  /** Makes the Response that stands for an upgrade. */
  create(decision: UpgradeDecision): Response {
    StandInClass ??= defineStandIn();
    this.#decision = decision;
    const made = new StandInClass(() => {
      const mark = crypto.randomUUID();
      (this.#decisions ??= new Map()).set(mark, decision);
      return new Response(null, { status: 204, headers: { [MARK]: mark } });
    });
    this.#last = made;
    return made;
  }

  /** The upgrade that a value stands for that was made last, and that no code has read. */
  untouched(value: unknown): UpgradeDecision | undefined {
    return value !== undefined && value === this.#last && isStandIn(value as Response)
      ? this.#decision
      : undefined;
  }

  /**
   * The upgrade that a Response stands for, with the header fields that it has got since; undefined
   * for a Response that stands for none.
   *
   * @throws {TypeError} When it stands for an upgrade of another request.
   */
  find(response: Response): UpgradeDecision | undefined {
    const mark = response.headers.get(MARK);
    if (mark === null) return undefined;
    const decision = this.#decisions?.get(mark);
    if (decision === undefined) {
      throw new TypeError(
        "Expected the Response of this request's own upgrade(), got that of another request: " +
          "call upgrade() anew for each request",
      );
    }
    const { options } = decision;
    const headers = mergeForUpgrade(response.headers, options.headers);
    return { ...decision, options: { ...options, headers } };
  }
}

/**
 * The header fields of a 101: those that middleware has set on a response, as far as a 101 may have
 * them, then those of the upgrade, which win. Set-Cookie is never replaced.
 */
export function mergeForUpgrade(
  response: Iterable<readonly [string, string]>,
  own: HeadersSource | undefined,
): Headers {
  const headers = new Headers();
  for (const [name, value] of response) {
    const lower = name.toLowerCase();
    if (NOT_FOR_101.includes(lower) || lower.startsWith("sec-websocket-")) continue;
    headers.append(name, value);
  }
  for (const [name, value] of toHeaders(own)) {
    if (name === "set-cookie") headers.append(name, value);
    else headers.set(name, value);
  }
  return headers;
}

/** What `fetch` returned in place of a Response that can be sent. */
export function whyNotSendable(response: unknown): string | undefined {
  if (!isResponse(response)) return kindOf(response);
  if (response.bodyUsed || response.body?.locked) return "one whose body is used";
  return response.status < 200 ? `one with status ${response.status}` : undefined;
}

/** A refusal as a Response. */
export function toResponse({ status, reason, headers }: HandshakeRefusal): Response {
  const fields = new Headers({ "content-type": "text/plain; charset=utf-8" });
  for (const [name, value] of headers) fields.append(name, value);
  return new Response(reason, { status, headers: fields });
}
