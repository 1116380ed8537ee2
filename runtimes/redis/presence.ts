// Who is present, in Redis: a key with an expiry for each process, and a hash for each channel.
//
// 1. The hash `{channel}:m` has a field for each member and process: the lease, a space, and the
//    key. A lease has no space. Each command concerns one key, so that a cluster takes it.
// 2. Members count while the lease of their process lives. Those of others are removed by the next
//    process that reads them, unless they were written again since: each write has a number of its
//    own before the value. A hash that is not written to for a day goes by itself.
// 3. Long lists go in pieces: a server does nothing else while it carries out a command, and the
//    packages cannot spread 100,000 arguments.

import type { PresenceEntry, PresenceStore } from "../../src/topics/backplane.ts";
import type { RunScript } from "./history.ts";

/** Seconds for which a hash lives that is not written to. */
const DAY = 86_400;

/** Arguments of one command besides: two for each member. */
const PIECE = 2_000;

const RENEW = `return redis.call('SET',KEYS[1],1,'PX',ARGV[1],'GET') and 1 or 0`;
const ALIVE = `return redis.call('EXISTS',KEYS[1])`;
/** Takes fields, each with its value, or nothing to remove it. */
const WRITE = `for i=1,#ARGV,2 do
if ARGV[i+1]=='' then redis.call('HDEL',KEYS[1],ARGV[i])
else redis.call('HSET',KEYS[1],ARGV[i],ARGV[i+1]) end
end
return redis.call('EXPIRE',KEYS[1],${DAY})`;
/** Takes fields, each with the value that it must still have. */
const SWEEP = `for i=1,#ARGV,2 do
if redis.call('HGET',KEYS[1],ARGV[i])==ARGV[i+1] then redis.call('HDEL',KEYS[1],ARGV[i]) end
end`;
const READ = `return redis.call('HGETALL',KEYS[1])`;

/** Who is present. */
export class RedisPresence implements PresenceStore {
  readonly #run: RunScript;
  readonly #nonce = crypto.randomUUID();
  #writes = 0;

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
    const number = `${this.#nonce}-${++this.#writes}`;
    const pairs = [...changes].flatMap(([key, info]) => [
      `${lease} ${key}`,
      info === undefined ? "" : `${number} ${info}`,
    ]);
    await this.#inPieces(WRITE, channel, pairs);
  }

  async read(channel: string): Promise<PresenceEntry[]> {
    const fields = await this.#run(READ, keysOf(channel), []) as { toString(): string }[];
    const entries: (PresenceEntry & { readonly pair: string[] })[] = [];
    for (let i = 0; i < fields.length; i += 2) {
      const [field, value] = [fields[i]!.toString(), fields[i + 1]!.toString()];
      const [lease, key] = divide(field);
      const [, info] = divide(value);
      entries.push({ lease, key, info, pair: [field, value] });
    }
    const leases = [...new Set(entries.map(({ lease }) => lease))];
    const alive = await this.alive(leases);
    const dead = new Set(leases.filter((_, i) => !alive[i]));
    const gone = entries.filter(({ lease }) => dead.has(lease));
    await this.#inPieces(SWEEP, channel, gone.flatMap(({ pair }) => pair));
    return entries.filter(({ lease }) => !dead.has(lease))
      .map(({ lease, key, info }) => ({ lease, key, info }));
  }

  /** Runs a script with pairs, so many at a time. */
  async #inPieces(script: string, channel: string, pairs: readonly string[]): Promise<void> {
    const runs: Promise<unknown>[] = [];
    for (let i = 0; i < pairs.length; i += PIECE) {
      runs.push(this.#run(script, keysOf(channel), pairs.slice(i, i + PIECE)));
    }
    await Promise.all(runs);
  }
}

/** A text before and behind its first space. */
function divide(text: string): [string, string] {
  const space = text.indexOf(" ");
  return [text.slice(0, space), text.slice(space + 1)];
}

function keysOf(channel: string): string[] {
  return [`{${channel}}:m`];
}
