// One iteration of who is present.
//
// What waits for a consumer is bounded. Where more comes, all of it gives way to a new snapshot,
// which is made when the consumer takes it: so the consumer is behind, but never wrong.

import type { PresenceEvent, PresenceMember } from "./presence.ts";
import type { PresenceDifference } from "./presence_view.ts";

/** The most events that wait for a consumer. */
const MOST_EVENTS = 10_000;
/** The most characters of keys and infos in them. */
const MOST_CHARACTERS = 1_048_576;

/** What an iteration goes over. */
export interface PresenceSource {
  /** The iteration begins. */
  begin(iteration: PresenceIteration): void;
  /** It has ended. */
  end(iteration: PresenceIteration): void;
  /** The members; undefined while they are not known. */
  snapshot(): PresenceMember[] | undefined;
}

/** One iteration. */
export class PresenceIteration implements AsyncIterableIterator<PresenceEvent> {
  readonly #source: PresenceSource;
  #state: "new" | "running" | "over" = "new";
  /** Whether a snapshot comes next. */
  #anew = true;
  #events: PresenceDifference[] = [];
  #characters = 0;
  /** How many of the events were taken. */
  #taken = 0;
  /** Calls of `next()` that wait. */
  #waiting: ((result: IteratorResult<PresenceEvent>) => void)[] = [];

  /** An iteration that has not begun. */
  constructor(source: PresenceSource) {
    this.#source = source;
  }

  next(): Promise<IteratorResult<PresenceEvent>> {
    if (this.#state === "over") return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#state === "new") {
        this.#state = "running";
        this.#source.begin(this);
      }
      this.proceed();
    });
  }

  return(): Promise<IteratorResult<PresenceEvent>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends it. */
  close(): void {
    if (this.#state === "running") this.#source.end(this);
    this.#state = "over";
    this.#events = [];
    for (const resolve of this.#waiting.splice(0)) resolve({ done: true, value: undefined });
  }

  /** Something has changed. */
  push(difference: PresenceDifference): void {
    if (this.#anew) return;
    this.#events.push(difference);
    this.#characters += difference.key.length + difference.info.length;
    const waiting = this.#events.length - this.#taken;
    if (waiting > MOST_EVENTS || this.#characters > MOST_CHARACTERS) {
      this.#anew = true;
      this.#forget();
    }
    this.proceed();
  }

  /** Gives what there is to those who wait. */
  proceed(): void {
    while (this.#waiting.length > 0) {
      const value = this.#take();
      if (value === undefined) return;
      this.#waiting.shift()!({ done: false, value });
    }
  }

  #take(): PresenceEvent | undefined {
    if (this.#anew) {
      const members = this.#source.snapshot();
      if (members === undefined) return undefined;
      this.#anew = false;
      return { type: "snapshot", members };
    }
    const event = this.#events[this.#taken];
    if (event === undefined) return undefined;
    this.#characters -= event.key.length + event.info.length;
    this.#taken++;
    // Not one by one from the front of the list, which takes seconds for 10,000 of them.
    if (2 * this.#taken >= this.#events.length) {
      this.#events.splice(0, this.#taken);
      this.#taken = 0;
    }
    const { type, key, info } = event;
    return type === "leave" ? { type, key } : { type, key, info: JSON.parse(info) as unknown };
  }

  #forget(): void {
    this.#events = [];
    this.#taken = this.#characters = 0;
  }
}
