// The Request that `fetch` gets. It is one like any other, but what `json()` and `formData()` reject with when the body is
// neither is known again: it is the client's mistake, and a handler that lets it through need not know the difference.

/** What reading a body failed with. */
const mistakes = new WeakMap<object, string>();

/** The Request of a client, whose body may be anything. */
export class ServerRequest extends Request {
  /** As that of any Request. */
  override json(): Promise<unknown> {
    return readBody(this, () => super.json(), "JSON");
  }

  /** As that of any Request. */
  override formData(): Promise<FormData> {
    return readBody(this, () => super.formData(), "a form that is encoded as Content-Type says");
  }

  /** A copy that knows the same. */
  override clone(): Request {
    return Object.setPrototypeOf(super.clone(), ServerRequest.prototype);
  }
}

/** What was expected of a body, when this is what reading it rejected with. */
export function mistakeInBody(error: unknown): string | undefined {
  return typeof error === "object" && error !== null ? mistakes.get(error) : undefined;
}

async function readBody<T>(
  request: Request,
  read: () => Promise<T>,
  expected: string,
): Promise<T> {
  // To read twice is the application's mistake.
  const fresh = !request.bodyUsed && request.body?.locked !== true;
  try {
    return await read();
  } catch (error) {
    if (fresh && typeof error === "object" && error !== null) mistakes.set(error, expected);
    throw error;
  }
}
