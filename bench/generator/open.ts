// Opens connections, a few at a time: a server's backlog is short.

import type { Job } from "../job.ts";
import { Connection, type Driver } from "./connection.ts";
import type { Trains } from "./train.ts";

/** Handshakes under way at once. */
const BURST = 64;

/**
 * Opens `count` connections.
 *
 * @param driver Told of everything but the opening.
 * @returns The connections, all open.
 */
export function openAll(
  job: Job,
  trains: Trains,
  count: number,
  driver: Omit<Driver, "opened">,
): Promise<Connection[]> {
  const connections: Connection[] = [];
  let open = 0;
  return new Promise((resolve) => {
    const next = (): void => {
      if (connections.length < count) connections.push(new Connection(job, trains, opening));
    };
    const opening: Driver = {
      opened() {
        open++;
        if (open === count) resolve(connections);
        else next();
      },
      replied: (connection, messages, now) => driver.replied(connection, messages, now),
      ended: (connection) => driver.ended(connection),
      failed: (error) => driver.failed(error),
    };
    for (let i = 0; i < BURST; i++) next();
  });
}
