// createTopics(): the public topics, with what joins them with other processes.

import { callback, checkOptions, kind, oneOf, type OptionTable } from "../util/check_options.ts";
import { systemClock } from "../util/clock.ts";
import { tell } from "../util/promises.ts";
import type { Backplane } from "./backplane.ts";
import { prefixRule } from "./channel_name.ts";
import { createRules, type HistoryRule, type RuleOf } from "./history_rules.ts";
import { Hub } from "./hub.ts";
import { HubTopics, type Topics } from "./hub_topics.ts";
import { MemoryHistory } from "./memory_history.ts";
import { Presences } from "./presence_hub.ts";
import { Relay } from "./relay.ts";
import type { TopicGap, TopicsState } from "./relay_stats.ts";

/** The options of {@linkcode createTopics}. */
export interface TopicsOptions {
  /**
   * What joins the topics of several processes, such as `redisBackplane(client)`. It belongs to
   * these topics, and is closed with them. What is published before it is connected the first time
   * waits for that, up to 5 s. Default: none, topics of this process.
   */
  readonly backplane?: Backplane | undefined;
  /**
   * What the names of the broker's channels begin with: the same in all processes, and another for
   * each application that uses the broker. 1 to 32 letters, digits, hyphens, underscores and
   * colons, with dots between or behind them. Default: "sansocket:".
   */
  readonly prefix?: string;
  /**
   * `"broker"` for one order of the messages of a topic in all processes: each message is delivered
   * when it comes back from the broker, here too, and nothing is delivered while the broker is
   * away. `{ broker: ["auction:"] }` for the topics whose names begin so. The same in all
   * processes. Default: the messages of each publisher keep their order, and delivery in this
   * process does not wait.
   */
  readonly order?: "broker" | BrokerOrder;
  /**
   * Which topics have a history: what was published before, for connections that come back, see
   * `since` of `ws.subscribe()`, and for `topics.history()`. The same in all processes. With a
   * backplane its broker keeps it, and orders the messages: each is delivered when it comes back
   * from the broker, here too, and nothing is delivered while the broker is away. Without one it is
   * in the memory of this process, 64 MiB at most. Default: none.
   */
  readonly history?: readonly HistoryRule[];
  /**
   * What to do with what is published while the broker is away: `"drop"` it for other processes, or
   * `"hold"` up to 1 MiB until the broker is back. Both are counted in `stats()`, and other
   * processes see what is missing as a gap. Default: "drop".
   */
  readonly outage?: "drop" | "hold";
  /**
   * Called when messages of another process have been lost: how many, from which process, on which
   * topic. What it throws goes to `error`. Default: none; `stats()` counts them.
   */
  readonly onGap?: (gap: TopicGap) => void;
  /**
   * Called when the broker is there, the first time too, and when it is away. What it throws goes
   * to `error`. Default: none.
   */
  readonly onState?: (state: TopicsState) => void;
  /**
   * Called with each topic that gets its first subscriber, such as to begin to fetch what is
   * published there. What it throws or rejects with goes to `error`. Default: none.
   */
  readonly onFirstSubscriber?: (topic: string) => void | Promise<void>;
  /**
   * Called with each topic whose last subscriber has left. What it throws or rejects with goes to
   * `error`. Default: none.
   */
  readonly onLastSubscriber?: (topic: string) => void | Promise<void>;
  /**
   * Called with what listeners and hooks throw or reject with, with what the broker refuses, at
   * most once in 10 s, and when its client gives up after an outage. Default: `console.error`.
   */
  readonly error?: (error: unknown) => void;
}

/** Which topics have the broker's order. */
export interface BrokerOrder {
  /** What their names begin with. */
  readonly broker: readonly string[];
}

/** What each of them may be. */
export const TOPICS_OPTIONS: OptionTable<TopicsOptions> = {
  backplane: kind(
    "a backplane, as redisBackplane(client) returns one, with start(), join(), leave(), publish() and close()",
    isBackplane,
  ),
  prefix: prefixRule,
  order: kind(
    '"broker" or { broker: […] } with beginnings of names',
    (value) => value === "broker" || isBrokerOrder(value),
  ),
  history: kind("a list of { prefix, size, ttl, format }", Array.isArray),
  outage: oneOf("drop", "hold"),
  onGap: callback,
  onState: callback,
  onFirstSubscriber: callback,
  onLastSubscriber: callback,
  error: callback,
};

/**
 * Makes topics, for any number of servers: give them to each as the option `topics`. They work
 * without a server, too.
 *
 * @param options The backplane, and hooks.
 * @returns The topics.
 * @throws {TypeError} When an option is unknown or of the wrong kind, the backplane is in use, or
 * it has not the order or the history that is asked for.
 * @throws {RangeError} When a number is out of its range.
 *
 * @example
 * ```ts
 * import { connect, createTopics, serve } from "@sansocket/ws";
 *
 * const topics = createTopics();
 * await using server = await serve({
 *   port: 0,
 *   topics,
 *   routes: { "/rooms/:room": { websocket: { open: (ws) => ws.subscribe(ws.data.room) } } },
 * });
 * const ws = await connect(new URL("/rooms/lobby", server.url));
 * await ws.ping();
 * console.log(topics.publish("lobby", "hello").delivered); // 1
 * console.log(await ws.receive()); // hello
 * await ws.close();
 * ```
 */
export function createTopics(options: TopicsOptions = {}): Topics {
  checkOptions("createTopics()", options, TOPICS_OPTIONS);
  const { backplane, onFirstSubscriber, onLastSubscriber, onGap, onState } = options;
  const error = options.error ?? ((error) => console.error(error));
  // A hook that throws must not reach the code that publishes.
  const report = (reason: unknown): void => tell(error, reason, (second) => console.error(second));
  const hub = new Hub({ first: onFirstSubscriber, last: onLastSubscriber, report });
  const { history, order } = options;
  const ruleOf = history === undefined ? undefined : createRules(history);
  if (backplane === undefined) {
    if (ruleOf !== undefined) hub.history = new MemoryHistory(hub, ruleOf, report);
    hub.presence = new Presences(systemClock);
    return new HubTopics(hub);
  }
  checkHistory(backplane, ruleOf);
  if (order !== undefined && !backplane.ordered) {
    throw new TypeError(
      `Expected a backplane with one order for the option order, got ${backplane.name}, which has none: use one Redis server`,
    );
  }
  const relay = new Relay(hub, {
    backplane: claim(backplane),
    prefix: options.prefix ?? "sansocket:",
    ordered: createOrder(order),
    ruleOf,
    hold: options.outage === "hold",
    gap: (gap) => onGap && tell(onGap, gap, report),
    state: (state) => onState && tell(onState, state, report),
    report,
  });
  hub.peers = relay;
  hub.presence = relay.presence ?? backplane.name;
  hub.history = relay.history;
  return new HubTopics(hub, relay);
}

const claimed = new WeakSet<Backplane>();

function checkHistory({ history, name }: Backplane, ruleOf: RuleOf | undefined): void {
  if (ruleOf === undefined || history !== undefined) return;
  throw new TypeError(
    `Expected a backplane with history for the option history, got ${name}, which has none: use Redis, or NATS with JetStream (nats-server -js)`,
  );
}

/** A driver delivers to one receiver. */
function claim(backplane: Backplane): Backplane {
  if (claimed.has(backplane)) {
    throw new TypeError(
      "Expected a backplane of its own for createTopics(), got one that is in use: give the same topics to several servers",
    );
  }
  claimed.add(backplane);
  return backplane;
}

/** Says which topics have the broker's order. */
function createOrder(order: TopicsOptions["order"]): (topic: string) => boolean {
  if (order === undefined) return () => false;
  if (order === "broker") return () => true;
  const beginnings = [...order.broker];
  return (topic) => beginnings.some((beginning) => topic.startsWith(beginning));
}

function isBackplane(value: unknown): boolean {
  const object = Object(value) as Record<string, unknown>;
  return ["start", "join", "leave", "publish", "close"].every((name) =>
    typeof object[name] === "function"
  );
}

function isBrokerOrder(value: unknown): boolean {
  const { broker, ...others } = Object(value) as Record<string, unknown>;
  return Array.isArray(broker) && broker.every((one) => typeof one === "string") &&
    Object.keys(others).length === 0;
}
