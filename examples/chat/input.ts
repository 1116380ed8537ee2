// What a page may send to the chat. Any program can connect and send anything, so all of it is
// checked here, and what is wrong becomes a message that says so.

import type { TopicPosition } from "@sansocket/ws";

/** What a page sends, or what is wrong with it. */
export type FromPage =
  | { type: "name"; name: string } & Entry
  | { type: "text"; text: string; id: string | undefined }
  | Failure;

/** What the first message of a page has besides its name. */
export interface Entry {
  readonly id: string | undefined;
  readonly since: TopicPosition | undefined;
}

/** What was wrong, and with what: "name", or the id of a text. */
export type Failure = { type: "error"; text: string; of?: string | undefined };

/** Reads a message from a page. */
export function parse(data: string | Uint8Array): FromPage {
  if (typeof data !== "string") return { type: "error", text: "Expected text, got binary" };
  let message: unknown;
  try {
    message = JSON.parse(data);
  } catch {
    return { type: "error", text: "Expected JSON" };
  }
  const { type, name, text, id, since } = Object(message) as Record<string, unknown>;
  const knownId = typeof id === "string" && /^[\w-]{1,60}$/.test(id) ? id : undefined;
  if (type === "name") {
    // A name is one line, and in the direction of its letters: it cannot turn what is beside it.
    const clean = isText(name, 1000) ? name.replace(/[\p{Cc}\p{Bidi_Control}]/gu, "") : name;
    return isText(clean, 30)
      ? { type, name: clean.trim(), id: knownId, since: isPosition(since) ? since : undefined }
      : { type: "error", of: "name", text: "Expected a name of 1 to 30 characters" };
  }
  if (type === "text") {
    return isText(text, 1000)
      ? { type, text: text.trim(), id: knownId }
      : { type: "error", of: knownId, text: "Expected a text of 1 to 1000 characters" };
  }
  return { type: "error", text: 'Expected the type "name" or "text"' };
}

/** Whether a value is a text with something in it to read, and no half of a character. */
function isText(value: unknown, most: number): value is string {
  return typeof value === "string" && [...value.trim()].length <= most &&
    /[^\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u.test(value) &&
    !/\p{Surrogate}/u.test(value);
}

function isPosition(value: unknown): value is TopicPosition {
  const { epoch, offset } = Object(value) as Record<string, unknown>;
  return typeof epoch === "string" && Number.isSafeInteger(offset) && Number(offset) >= 0;
}
