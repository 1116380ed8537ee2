// What a relay tells: gaps, the state of the broker, and counts.

import type { RecoveryReason } from "../connection/publishing.ts";

/** Messages that were missed. */
export interface TopicGap {
  /** The topic; undefined for messages of `topics.send()` to this process. */
  readonly topic: string | undefined;
  /**
   * The process that has published them: 16 hexadecimal digits, anew for each start. Undefined on a
   * topic with history, where all publishers share one count.
   */
  readonly origin: string | undefined;
  /**
   * How many. On a topic with history on JetStream at least so many, and with the reason `"epoch"`
   * those that are known: there may be more, or none.
   */
  readonly missed: number;
  /**
   * On a topic with history: why its store did not help. See {@linkcode RecoveryReason}. Undefined
   * on others.
   */
  readonly reason?: RecoveryReason | undefined;
}

/** Whether the broker takes and delivers messages. */
export interface TopicsState {
  /** `"down"`: publishing reaches this process only, and nothing comes from others. */
  readonly state: "up" | "down";
  /** Why it is down, such as the error of the client; undefined when it is up. */
  readonly reason: unknown;
}

/** What a relay has counted. */
export interface RelayStats {
  /** Whether the broker takes and delivers messages; `"starting"` for 5 s at most. */
  readonly state: "starting" | "up" | "down" | "closed";
  /** Channels that this process has joined or wants to, its own inbox included. */
  readonly channels: number;
  /** Messages that the broker has taken. */
  readonly taken: number;
  /** Messages that it has not taken, and will not get any more. */
  readonly notTaken: number;
  /** Messages that wait for it. */
  readonly waiting: number;
  /** Messages that came from other processes. */
  readonly received: number;
  /** Messages that were lost, as `onGap` tells. */
  readonly missed: number;
  /** Messages that were lost on the way, and that the history of their topic still had. */
  readonly filled: number;
  /** Messages that came twice, or late and were counted as missed: dropped. */
  readonly repeated: number;
  /** What is no message of this library, or of a version that is not known: dropped. */
  readonly malformed: number;
  /** Messages of `topics.send()` for a connection that is not here any more: dropped. */
  readonly unknown: number;
  /** Numbers of publishers, own and others', that were forgotten because there were too many. */
  readonly forgotten: number;
}
