// Who is present, in Redis: a key with an expiry for each process, and a hash for each channel.
//
// 1. The hash `{channel}:m` has a field for each member and process: the lease, a space, and the
//    key. A lease has no space. Each command concerns one key, so that a cluster takes it.
// 2. Members count while the lease of their process lives. Those of others are removed by the next
//    process that reads them. A hash that is not written to for a day goes by itself.

import type { PresenceEntry, PresenceStore } from "../../src/topics/backplane.ts";
import type { RunScript } from "./history.ts";

/** Seconds for which a hash lives that is not written to. */
const DAY = 86_400;

const RENEW = `return redis.call('SET',KEYS[1],1,'PX',ARGV[1],'GET') and 1 or 0`;
const ALIVE = `return redis.call('EXISTS',KEYS[1])`;
/** Takes how many fields to set, these with their values, and those to remove. */
const WRITE = `local set=tonumber(ARGV[1])
for i=2,2*set,2 do redis.call('HSET',KEYS[1],ARGV[i],ARGV[i+1]) end
for i=2*set+2,#ARGV do redis.call('HDEL',KEYS[1],ARGV[i]) end
return redis.call('EXPIRE',KEYS[1],${DAY})`;
const READ = `return redis.call('HGETALL',KEYS[1])`;

/** Who is present. */
export class RedisPresence implements PresenceStore {
  readonly #run: RunScript;

  /** Runs its commands as scripts, which both packages send alike. */
  constructor(run: RunScript) {
    this.#run = run;
  }

  async renew(lease: string, expiry: number): Promise<boolean> {
    return Number(await this.#run(RENEW, [lease], [`${Math.ceil(expiry)}`])) === 1;
  }

  alive(leases: readonly string[]): Promise<boolean[]> {
    return Promise.all(
      leases.map(async (lease) => Number(await this.#run(ALIVE, [lease], [])) === 1),
    );
  }

  async write(
    channel: string,
    lease: string,
    changes: ReadonlyMap<string, string | undefined>,
  ): Promise<void> {
    const set: string[] = [];
    const removed: string[] = [];
    for (const [key, info] of changes) {
      if (info === undefined) removed.push(`${lease} ${key}`);
      else set.push(`${lease} ${key}`, info);
    }
    await this.#run(WRITE, keysOf(channel), [`${set.length / 2}`, ...set, ...removed]);
  }

  async read(channel: string): Promise<PresenceEntry[]> {
    const fields = await this.#run(READ, keysOf(channel), []) as { toString(): string }[];
    const entries: PresenceEntry[] = [];
    for (let i = 0; i < fields.length; i += 2) {
      const field = fields[i]!.toString();
      const space = field.indexOf(" ");
      const lease = field.slice(0, space);
      entries.push({ lease, key: field.slice(space + 1), info: fields[i + 1]!.toString() });
    }
    const leases = [...new Set(entries.map(({ lease }) => lease))];
    const alive = await this.alive(leases);
    const dead = new Set(leases.filter((_, i) => !alive[i]));
    if (dead.size === 0) return entries;
    const gone = entries.filter(({ lease }) => dead.has(lease));
    await this.#run(WRITE, keysOf(channel), [
      "0",
      ...gone.map(({ lease, key }) => `${lease} ${key}`),
    ]);
    return entries.filter(({ lease }) => !dead.has(lease));
  }
}

function keysOf(channel: string): string[] {
  return [`{${channel}}:m`];
}
