// What is published, as every hub handles it, and what is said where more is asked for.

import type { Message } from "../connection/message.ts";
import { Opcode } from "../protocol/frame_header.ts";
import type { PreparedMessage } from "../protocol/prepared_message.ts";
import { contentOf } from "../protocol/sendable.ts";
import { decodeUtf8 } from "../util/utf8.ts";
import type { Presences } from "./presence_hub.ts";

/** A message for the subscribers of a topic, as it was published. */
export interface PlainDelivery {
  /** The message. */
  readonly message: PreparedMessage;
  /** Whether it is dropped where a subscriber is behind. */
  readonly droppable: boolean;
  /** What it takes the place of, where a subscriber is behind. */
  readonly key: string | undefined;
}

/** A message as code gets it: a string, or bytes in memory of their own. */
export function messageOf(message: PreparedMessage): Message {
  const [payload, opcode] = contentOf(message);
  return opcode === Opcode.text ? decodeUtf8(payload, 0, payload.length)! : payload.slice();
}

/** What is said of a topic without history. */
export function withoutHistory(topic: string): TypeError {
  return new TypeError(
    `Expected a topic with history, got ${
      JSON.stringify(topic)
    }: give createTopics() the option history with a prefix that fits`,
  );
}

/**
 * Presence, where there is one.
 *
 * @param what What asks for it.
 * @param presence Presence; or the name of the backplane, which does not keep it.
 * @throws {TypeError} When there is none.
 */
export function needPresence(what: string, presence: Presences | string): Presences {
  if (typeof presence !== "string") return presence;
  throw new TypeError(
    `Expected topics that know who is present for ${what}, got ${presence}: use createTopics(), with Redis, NATS with JetStream or no backplane`,
  );
}
