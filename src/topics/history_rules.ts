// Which topics have a history, and how much of them is kept.

import type { Message } from "../connection/message.ts";
import type { Publishable, TopicPosition } from "../connection/publishing.ts";
import { callback, group, number, type OptionTable, text } from "../util/check_options.ts";

/** The history of the topics whose names begin alike. */
export interface HistoryRule {
  /** What the names of the topics begin with; `""` for all. The longest one that fits counts. */
  readonly prefix: string;
  /** The most messages of each topic that are kept: 1 to 10,000. Default: 100. */
  readonly size?: number;
  /** Milliseconds for which a message is kept, at most 30 days. Default: 300,000, 5 minutes. */
  readonly ttl?: number;
  /**
   * Makes what connections get of a message, such as to put its position into it. It is called once
   * for each message and process; listeners get the message as it was published. Connections get
   * nothing of a message for which it throws, and the option `error` is told. Default: the message.
   *
   * @param data The message: a string, or bytes in memory of their own.
   * @param position Its place in the history of the topic.
   * @returns What to send.
   */
  readonly format?: (data: Message, position: TopicPosition) => Publishable;
}

/** What each part of a rule may be. */
export const HISTORY_OPTIONS: OptionTable<HistoryRule> = {
  prefix: text,
  size: number("messages", { most: 10_000 }),
  ttl: number("milliseconds", { most: 30 * 86_400_000, parts: true }),
  format: callback,
};

const RULE = group(HISTORY_OPTIONS);

/** A rule with its defaults. */
export interface Rule {
  /** See {@linkcode HistoryRule}. */
  readonly prefix: string;
  /** See {@linkcode HistoryRule}. */
  readonly size: number;
  /** See {@linkcode HistoryRule}. */
  readonly ttl: number;
  /** See {@linkcode HistoryRule}. */
  readonly format: HistoryRule["format"] | undefined;
}

/** The rule of a topic; undefined when it has no history. */
export type RuleOf = (topic: string) => Rule | undefined;

/**
 * Checks the option `history`.
 *
 * @param rules What was given.
 * @returns What finds the rule of a topic.
 * @throws {TypeError} When a rule is of the wrong kind, or two have one prefix.
 * @throws {RangeError} When a size or a time is out of range.
 */
export function createRules(rules: readonly HistoryRule[]): RuleOf {
  const known = new Map<string, Rule>();
  for (const [i, rule] of rules.entries()) {
    RULE.check(`history[${i}]`, rule, { owner: "createTopics()", table: { history: RULE } });
    const { prefix, size = 100, ttl = 300_000, format } = rule;
    if (typeof prefix !== "string") {
      throw new TypeError(
        `Expected history[${i}] to have a prefix, such as "room:", or "" for all topics`,
      );
    }
    if (known.has(prefix)) {
      throw new TypeError(
        `Expected each prefix once in the option history, got ${JSON.stringify(prefix)} twice`,
      );
    }
    known.set(prefix, { prefix, size, ttl, format });
  }
  const longestFirst = [...known.values()].sort((a, b) => b.prefix.length - a.prefix.length);
  return (topic) => longestFirst.find(({ prefix }) => topic.startsWith(prefix));
}
