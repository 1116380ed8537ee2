// What a server says only for a moment: a stream that another process is just making has no date yet. No real server can
// be had to say so on demand, so a connection of the same shape answers.

import { assertEquals } from "@std/assert";
import type { NatsConnectionLike, NatsMessageLike } from "@sansocket/ws/nats";
import { JetStream } from "../../../runtimes/nats/jetstream.ts";
import { test } from "../../support/test.ts";

const YEAR_1 = "0001-01-01T00:00:00Z";
const DATE = "2026-11-29T11:32:41.684998701Z";

/** A connection that answers requests one after another. */
function answering(...answers: object[]): NatsConnectionLike & { readonly asked: string[] } {
  const asked: string[] = [];
  let deliver: ((error: Error | null, message: NatsMessageLike) => void) | undefined;
  return {
    asked,
    publish(subject, _payload, options) {
      asked.push(subject.replace("$JS.API.", ""));
      const data = new TextEncoder().encode(JSON.stringify(answers.shift()));
      const message = { subject: options?.reply ?? "", data };
      queueMicrotask(() => deliver?.(null, message as NatsMessageLike));
    },
    subscribe(_subject, { callback }) {
      deliver = callback;
      return { unsubscribe() {} };
    },
    flush: () => Promise.resolve(),
    reconnect: () => Promise.resolve(),
    status: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }),
    closed: () => new Promise(() => {}),
  };
}

const info = (created: string): object => ({ created, config: {}, state: {} });
const missing = { error: { code: 404, err_code: 10059, description: "stream not found" } };

for (
  const [what, answers, asked] of [
    ["just started", [info(YEAR_1), info(YEAR_1), info(DATE)], ["INFO", "INFO", "INFO"]],
    ["just makes it", [missing, info(YEAR_1), info(YEAR_1), info(DATE)], [
      "INFO",
      "CREATE",
      "INFO",
      "INFO",
    ]],
    ["makes it at once", [missing, info(DATE)], ["INFO", "CREATE"]],
  ] as const
) {
  test(`JetStream.open() waits for the date of a stream where the server ${what}`, async () => {
    const connection = answering(...answers);
    const jetStream = new JetStream(connection);
    jetStream.find();
    const { created } = await jetStream.open({ name: "S", subjects: ["s"] } as never);
    assertEquals([created, connection.asked], [DATE, asked.map((name) => `STREAM.${name}.S`)]);
    jetStream.close();
  });
}
