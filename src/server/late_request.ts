// What an open connection keeps of its opening handshake: the text of the head, of which a Request
// is made when the program asks for one. Most never do.

import type { LateRequest } from "../connection/handshake_result.ts";
import { HeaderFields } from "../http/fields.ts";
import { createRequestParser, type RequestHead } from "../http/head.ts";
import { createRequest } from "./request.ts";

/** The head of a request as another server read it. */
export interface ForeignHead {
  /** The method. */
  readonly method: string;
  /** The request-target as it was sent. */
  readonly target: string;
  /** Names and values of the field lines in turn. */
  readonly fields: readonly string[];
}

/**
 * The head that another server has read. An Upgrade has no meaning in HTTP/1.0, so no server gives
 * such a request away.
 */
export function toHead({ method, target, fields }: ForeignHead): RequestHead {
  const headers = new HeaderFields();
  for (let i = 0; i + 1 < fields.length; i += 2) headers.append(fields[i]!, fields[i + 1]!);
  return { method, target, version: "1.1", headers };
}

/**
 * Makes the Request of an accepted opening handshake when the application asks for it. Until then a
 * text is kept, and none of the fields. One that `fetch` was `given` is kept while the program does
 * so: with it, an idle connection takes 2 to 3 KB more.
 */
export function requestLater(
  { method, target, headers }: RequestHead,
  secure: boolean | undefined,
  given?: Request,
): LateRequest {
  const { source } = headers;
  const reference = given && new WeakRef(given);
  if (source !== undefined) return new RequestText(source, parseSource, secure, reference);
  const foreign: ForeignHead = { method, target, fields: [...headers].flat() };
  return new RequestText(JSON.stringify(foreign), parseForeign, secure, reference);
}

class RequestText implements LateRequest {
  readonly #text: string;
  readonly #parse: (text: string) => RequestHead;
  readonly #secure: boolean | undefined;
  readonly #given: WeakRef<Request> | undefined;

  constructor(
    text: string,
    parse: (text: string) => RequestHead,
    secure: boolean | undefined,
    given: WeakRef<Request> | undefined,
  ) {
    this.#text = text;
    this.#parse = parse;
    this.#secure = secure;
    this.#given = given;
  }

  make(): Request {
    return this.#given?.deref() ??
      createHandshakeRequest(this.#parse(this.#text), this.#secure);
  }
}

function parseSource(source: string): RequestHead {
  const octets = Uint8Array.from(source, (character) => character.charCodeAt(0));
  const again = createRequestParser({ maxHeadSize: octets.length }).push(octets);
  if (again === undefined || "fault" in again) throw new Error("Expected the head once more");
  return again.head;
}

function parseForeign(text: string): RequestHead {
  return toHead(JSON.parse(text) as ForeignHead);
}

function createHandshakeRequest(head: RequestHead, secure: boolean | undefined): Request {
  const request = createRequest(head, { secure });
  // The handshake was accepted, so its Host and target are good.
  if ("reason" in request) throw new Error(request.reason);
  return request;
}
