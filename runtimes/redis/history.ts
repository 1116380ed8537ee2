// The history of channels in Redis: a stream and a counter for each, changed by one script.
//
// 1. `{channel}:s` is the stream, and `{channel}:n` a hash with the epoch `e`, the last offset `o`
//    and the time of the last message `t`. Both lie in the slot of the channel.
// 2. The id of an entry is `<milliseconds>-<offset>`, by Redis's clock, which is not let go back:
//    so the stream is cut by age, and by number, exactly. No clock of a client counts.
// 3. When the counter is gone, because it was evicted, or is 24 hours old and twice as old as any
//    message, the stream goes, too, and a new epoch begins.
// 4. What is published carries its place before it, as text: "<epoch> <offset> ". An envelope
//    begins with its version, which is no character.
// 5. The script goes along with each message: EVALSHA would save its 700 octets, and break the
//    order of messages when Redis does not know it any more.

import { Buffer } from "node:buffer";
import type {
  HistoryStore,
  Retention,
  StoredPosition,
  StorePage,
  StoreReceipt,
} from "../../src/topics/backplane.ts";

/** Milliseconds for which a counter lives at least. */
const DAY = 86_400_000;
/** The version that an envelope begins with. */
export const ENVELOPE = 0x01;
const SPACE = 0x20;

const COUNTER = `local n=redis.call('HMGET',KEYS[2],'e','o','t')
local e,o,t=n[1],tonumber(n[2]),tonumber(n[3])
local c=redis.call('TIME')
local ms=c[1]*1000+math.floor(c[2]/1000)
if not e then e=ARGV[1];o=0;t=0 redis.call('DEL',KEYS[1]) end
`;

/** Takes the epoch, ttl, life of the counter, size, command, channel, message. */
const PUBLISH = `${COUNTER}if ms<t then ms=t end
o=o+1
redis.call('HSET',KEYS[2],'e',e,'o',o,'t',ms)
redis.call('PEXPIRE',KEYS[2],ARGV[3])
redis.call('XADD',KEYS[1],'MAXLEN',ARGV[4],string.format('%d-%d',ms,o),'m',ARGV[7])
redis.call('XTRIM',KEYS[1],'MINID',string.format('%d',ms-ARGV[2]+1))
redis.call('PEXPIRE',KEYS[1],ARGV[2])
return {e,o,redis.call(ARGV[5],ARGV[6],string.format('%s %d ',e,o)..ARGV[7])}`;

/** Takes the epoch, ttl, life of the counter, after or -1, limit. */
const READ = `${COUNTER}if not n[1] then
redis.call('HSET',KEYS[2],'e',e,'o',0,'t',0)
redis.call('PEXPIRE',KEYS[2],ARGV[3])
end
local after,limit=tonumber(ARGV[4]),tonumber(ARGV[5])
local count=after<0 and limit or o-after
local r={e,o}
if count>0 then
local m=redis.call('XREVRANGE',KEYS[1],'+',string.format('%d',ms-ARGV[2]+1),'COUNT',count)
for i=#m,math.max(1,#m-limit+1),-1 do
r[#r+1]=m[i][1]
r[#r+1]=m[i][2][2]
end
end
return r`;

/** Runs a script while Redis is there. */
export type RunScript = (
  script: string,
  keys: readonly string[],
  args: readonly (string | Buffer)[],
) => Promise<unknown>;

/** The history of channels. */
export class RedisHistory implements HistoryStore {
  readonly consecutive = true;
  readonly #run: RunScript;
  readonly #command: string;
  readonly #counts: () => boolean;

  /**
   * A history.
   *
   * @param run Runs a script.
   * @param sharded Whether Pub/Sub is sharded.
   * @param counts Whether the number of receivers is that of all.
   */
  constructor(run: RunScript, sharded: boolean, counts: () => boolean) {
    this.#run = run;
    this.#command = sharded ? "SPUBLISH" : "PUBLISH";
    this.#counts = counts;
  }

  async publish(
    channel: string,
    envelope: Uint8Array,
    retention: Retention,
  ): Promise<StoreReceipt> {
    const { buffer, byteOffset, length } = envelope;
    const message = Buffer.from(buffer as ArrayBuffer, byteOffset, length);
    const [epoch, offset, receivers] = await this.#run(PUBLISH, keysOf(channel), [
      ...argumentsOf(retention),
      `${retention.size}`,
      this.#command,
      channel,
      message,
    ]) as [Buffer, number, number];
    return {
      epoch: epoch.toString(),
      offset: Number(offset),
      receivers: this.#counts() ? Number(receivers) : undefined,
    };
  }

  async read(
    channel: string,
    after: number | undefined,
    limit: number,
    retention: Retention,
  ): Promise<StorePage> {
    const [epoch, last, ...rest] = await this.#run(READ, keysOf(channel), [
      ...argumentsOf(retention),
      `${after ?? -1}`,
      `${limit}`,
    ]) as [Buffer, number, ...Buffer[]];
    const messages: { offset: number; envelope: Uint8Array }[] = [];
    for (let i = 0; i < rest.length; i += 2) {
      const id = rest[i]!.toString();
      messages.push({
        offset: Number(id.slice(id.indexOf("-") + 1)),
        envelope: new Uint8Array(rest[i + 1]!),
      });
    }
    const offset = Number(last);
    const from = after ?? 0;
    const first = messages[0]?.offset;
    // With the limit 0 nothing is known of the first one.
    const complete = from >= offset || first === from + 1;
    return { epoch: epoch.toString(), offset, messages, complete };
  }
}

function keysOf(channel: string): string[] {
  return [`{${channel}}:s`, `{${channel}}:n`];
}

function argumentsOf({ ttl }: Retention): string[] {
  const milliseconds = Math.ceil(ttl);
  const epoch = Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString("hex");
  return [epoch, `${milliseconds}`, `${Math.max(DAY, 2 * milliseconds)}`];
}

/**
 * Tells a message with a position from one without.
 *
 * @param message What has come on a channel.
 * @returns The envelope, and its position if it has one.
 */
export function splitMessage(
  message: Uint8Array,
): [envelope: Uint8Array, position?: StoredPosition] {
  if (message[0] === ENVELOPE) return [message];
  const first = message.indexOf(SPACE);
  const second = message.indexOf(SPACE, first + 1);
  // Nothing of this length is one of this library.
  if (first < 1 || first > 64 || second < 0 || second > first + 17) return [message];
  const text = Buffer.from(message.buffer, message.byteOffset, second).toString("latin1");
  const offset = Number(text.slice(first + 1));
  if (!Number.isSafeInteger(offset) || offset < 1) return [message];
  const position = { epoch: text.slice(0, first), offset, previous: offset - 1 };
  return [message.subarray(second + 1), position];
}
