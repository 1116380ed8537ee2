// A page that is always the same: a Response that stands as a route.
//
// 1. Its body is read once, by the first request: a stream may be slow, or fail. To clone it for
//    each request would put one more layer on its stream each time, and the layers would keep what
//    they have read.
// 2. Once it has been read, the octets of the whole answer are kept, and written again in the same
//    second. That takes neither a Request nor a Response: a Response of its own for each request
//    costs 5 to 15 µs.

import { type Bytes, concat } from "../util/bytes.ts";
import { httpDate } from "../http/date.ts";
import { formatResponseHead } from "../http/format.ts";
import { readFields } from "./response.ts";

/** Octets of a body up to which the answer is kept beside it. */
const MOST_KEPT = 65_536;

/** The octets of an answer. */
interface Kept {
  /** The Date in them. */
  readonly date: string;
  readonly head: Bytes;
  readonly whole: Bytes;
}

/** A Response that is given any number of times. */
export class ConstantPage {
  readonly #status: number;
  readonly #statusText: string;
  readonly #headers: Headers;
  /** One Response may stand in several routes. */
  readonly #own: Response;
  #reading: Promise<ArrayBuffer | null> | undefined;
  /** The body, once it has been read; undefined for one that is not kept as octets. */
  #body: Bytes | undefined;
  #kept: Kept | undefined;

  /** Takes a Response whose body is not used. */
  constructor(response: Response) {
    this.#status = response.status;
    this.#statusText = response.statusText;
    this.#headers = new Headers(response.headers);
    this.#own = response.clone();
  }

  /** A Response of its own. Rejects with what the body failed with. */
  async respond(): Promise<Response> {
    const own = this.#own;
    this.#reading ??= own.body === null ? Promise.resolve(null) : own.arrayBuffer();
    const bytes = await this.#reading;
    const headers = this.#headers;
    if (bytes !== null) {
      headers.set("content-length", String(bytes.byteLength));
      if (bytes.byteLength <= MOST_KEPT) this.#body ??= new Uint8Array(bytes);
    }
    return new Response(bytes, { status: this.#status, statusText: this.#statusText, headers });
  }

  /**
   * The octets of the answer on a connection that lives on, which no other code may change;
   * undefined where it takes a Response.
   */
  octets(method: string): Bytes | undefined {
    const body = this.#body;
    if (body === undefined) return undefined;
    const date = httpDate();
    if (this.#kept?.date !== date) this.#kept = this.#keep(body, date);
    return method === "HEAD" ? this.#kept?.head : this.#kept?.whole;
  }

  #keep(body: Bytes, date: string): Kept | undefined {
    const { fields, dated, upgrades } = readFields(this.#headers);
    if (upgrades) return undefined;
    if (!dated) fields.push(["date", date]);
    fields.push(["content-length", String(body.length)]);
    const head = formatResponseHead(this.#status, this.#statusText, fields);
    return { date, head, whole: concat([head, body]) };
  }
}
