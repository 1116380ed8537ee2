// How a published message goes to one connection, and what becomes of it there.
//
// 1. It goes the way of `send()`, so that the order across both is that of the calls.
// 2. A connection keeps up while the transport takes what it is given, or no more than 64 KiB wait.
//    What is droppable or can be replaced is judged by that, with any `overflow`; that option
//    applies to what remains.
// 3. What the transport or a started message in chunks has taken cannot be replaced.

import type { WaitingMessage } from "../connection/backlog.ts";
import type { Dispatcher } from "../connection/dispatcher.ts";
import { Outbox } from "../connection/outbox.ts";
import { HIGH_WATER_MARK } from "../connection/send_backpressure.ts";
import type { PreparedMessage } from "../protocol/prepared_message.ts";
import type { Member } from "./topic.ts";

/** What has become of a message, by number of receivers. */
export interface Tally {
  /** Taken by a receiver that keeps up. */
  delivered: number;
  /** Waits. */
  queued: number;
  /** Dropped, or the connection was cut, by the option `overflow`. */
  overflowed: number;
  /** Dropped because it is droppable. */
  droppable: number;
  /** Earlier messages whose place it has taken. */
  coalesced: number;
}

/** Sends a message to a connection, and counts what has become of it. */
export function deliver(
  { dispatcher }: Member,
  message: PreparedMessage,
  droppable: boolean,
  tally: Tally,
): void {
  const { endpoint, outbox } = dispatcher;
  // Nearly all connections keep up.
  if (outbox === undefined && endpoint.publish(message)) {
    tally.delivered++;
    return;
  }
  if (!endpoint.open) return;
  const behind = isBehind(dispatcher);
  if (behind && droppable) {
    tally.droppable++;
    return;
  }
  const before = outbox?.dropped;
  dispatcher.sender.send(message, true);
  // With "drop-oldest" another message is dropped, not this one.
  const refused = !endpoint.open ||
    (outbox?.dropped !== before && endpoint.limits.overflow === "drop-newest");
  if (refused) tally.overflowed++;
  else if (behind) tally.queued++;
  else tally.delivered++;
}

/** Sends a message in the place of the one with the same key that waits, if there is one. */
export function deliverLatest(
  member: Member,
  message: PreparedMessage,
  key: string,
  droppable: boolean,
  tally: Tally,
): void {
  const { dispatcher } = member;
  const { endpoint } = dispatcher;
  // Most connections are never behind, and need nothing to wait in.
  if (dispatcher.outbox === undefined && !endpoint.congested) {
    return deliver(member, message, droppable, tally);
  }
  if (!endpoint.open) return;
  const waiting = member.replaceable ??= new Map();
  const former = waiting.get(key);
  if (former === undefined && droppable && isBehind(dispatcher)) {
    tally.droppable++;
    return;
  }
  const outbox = dispatcher.outbox ??= new Outbox(endpoint);
  const grows = former === undefined || message.length > former.data.length;
  if (grows && outbox.refuse() !== undefined) {
    tally.overflowed++;
    return;
  }
  // It may have been among the oldest, which are dropped first.
  const replaced = waiting.get(key);
  if (replaced !== undefined) {
    outbox.backlog.size += message.length - replaced.data.length;
    replaced.data = message;
    tally.coalesced++;
    tally.queued++;
    return;
  }
  outbox.holds = true;
  if (outbox.ready) {
    endpoint.transmit(message, true);
    tally.delivered++;
    return;
  }
  const replaceable = new Replaceable(message, key, waiting);
  outbox.backlog.keep(replaceable);
  outbox.wait(message.length);
  waiting.set(key, replaceable);
  tally.queued++;
}

function isBehind({ endpoint, outbox, sender }: Dispatcher): boolean {
  // Less than twice as much waits while nothing is congested.
  if (outbox === undefined && !endpoint.congested) return false;
  return sender.bufferedAmount > HIGH_WATER_MARK;
}

/** A message that waits, and that another with its key may replace. */
class Replaceable implements WaitingMessage {
  readonly kind = "message";
  readonly compress = true;
  readonly text = false;
  data: PreparedMessage;
  readonly #key: string;
  readonly #waiting: Map<string, WaitingMessage>;

  constructor(data: PreparedMessage, key: string, waiting: Map<string, WaitingMessage>) {
    this.data = data;
    this.#key = key;
    this.#waiting = waiting;
  }

  left(): void {
    this.#waiting.delete(this.#key);
  }
}
