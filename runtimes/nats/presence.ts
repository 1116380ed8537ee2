// Who is present, in a bucket like those of NATS KV: a stream that keeps the last message of a key.
//
// 1. A member is the key `m.<topic>.<lease>.<key>`, a lease `l.<lease>`. An empty message stands
//    for one that was removed, until a read of the topic takes it out.
// 2. nats-server 2.9 has no TTL for a key. A lease is a message whose time, told by the server, and
//    whose text, the milliseconds, say when it ends. What time it is now, the server tells as well:
//    by the time of a message that is written for that, `now`. So no clock of a process counts.
// 3. Processes write members again once an hour, so what was not written for a day goes.

import type { PresenceEntry, PresenceStore } from "../../src/topics/backplane.ts";
import { EMPTY } from "../../src/util/bytes.ts";
import { encodeUtf8 } from "../../src/util/utf8.ts";
import { split } from "./history.ts";
import type { NatsMessageLike } from "./mod.ts";
import { isGone, isMissing, type JetStream, streamName, text } from "./jetstream.ts";

/** Nanoseconds. */
const DAY = 86_400_000_000_000;
/** The most removed members that one read takes out. */
const SWEEP = 1_000;

/** A message of the stream. */
interface Found {
  /** Milliseconds of the server's clock. */
  readonly time: number;
  readonly data: string;
}

/** A member as it is read. */
interface Stored {
  readonly sequence: number;
  readonly entry: PresenceEntry;
}

/** Who is present on all channels of one driver. */
export class NatsPresence implements PresenceStore {
  readonly #jetStream: JetStream;
  /** The streams that are there, as far as is known. */
  readonly #open: Map<string, Promise<unknown>> = new Map();

  constructor(jetStream: JetStream) {
    this.#jetStream = jetStream;
  }

  async renew(lease: string, expiry: number): Promise<boolean> {
    const { bucket, name } = await this.#bucket(lease);
    const subject = `$KV.${bucket}.l.${name}`;
    const former = await this.#get(bucket, { last_by_subj: subject });
    const seq = await this.#put(bucket, subject, encodeUtf8(String(expiry)));
    const now = await this.#get(bucket, { seq });
    // What was written just now can only have gone with the whole stream.
    return now !== undefined && lasts(former, now.time);
  }

  async alive(leases: readonly string[]): Promise<boolean[]> {
    if (leases.length === 0) return [];
    const places = await Promise.all(leases.map((lease) => this.#bucket(lease)));
    const { bucket } = places[0]!;
    const found = Promise.all(
      places.map(({ name }) => this.#get(bucket, { last_by_subj: `$KV.${bucket}.l.${name}` })),
    );
    await this.#put(bucket, `$KV.${bucket}.now`, EMPTY);
    const now = await this.#get(bucket, { last_by_subj: `$KV.${bucket}.now` });
    return (await found).map((one) => now !== undefined && lasts(one, now.time));
  }

  async write(
    channel: string,
    lease: string,
    changes: ReadonlyMap<string, string | undefined>,
  ): Promise<void> {
    const { bucket, name } = await this.#bucket(channel);
    const parent = `$KV.${bucket}.m.${name}.${split(lease).topic.replaceAll("%", "=")}`;
    const writes = Array.from(changes, ([key, info]) => {
      const payload = info === undefined ? EMPTY : encodeUtf8(`${JSON.stringify(key)}\n${info}`);
      return this.#put(bucket, `${parent}.${token(key)}`, payload);
    });
    await Promise.all(writes);
  }

  async read(channel: string): Promise<PresenceEntry[]> {
    const { bucket, name } = await this.#bucket(channel);
    const parent = `$KV.${bucket}.m.${name}`;
    const leaseParent = `${split(channel).parent.slice(0, -1)}l:`;
    const leases = new Map<string, Map<string, Stored>>();
    const removed: number[] = [];
    const selection = { filter_subject: `${parent}.>`, deliver_policy: "all" } as const;
    const take = ({ subject, data }: NatsMessageLike, seq: number): void => {
      const [owner = "", member = ""] = subject.slice(parent.length + 1).split(".");
      let members = leases.get(owner);
      if (members === undefined) leases.set(owner, members = new Map());
      // One that is written meanwhile comes again.
      if (data.length === 0) {
        members.delete(member);
        removed.push(seq);
        return;
      }
      const value = text(data);
      const end = value.indexOf("\n");
      const lease = leaseParent + owner.replaceAll("=", "%");
      const entry = { lease, key: JSON.parse(value.slice(0, end)), info: value.slice(end + 1) };
      members.set(member, { sequence: seq, entry });
    };
    try {
      await this.#jetStream.read(`KV_${bucket}`, selection, Infinity, take);
    } catch (error) {
      if (!isMissing(error)) throw error;
      // The stream has gone. What is put next makes it anew.
      return [];
    }
    const owners = [...leases.keys()];
    const alive = await this.alive(owners.map((owner) => leaseParent + owner.replaceAll("=", "%")));
    const entries: PresenceEntry[] = [];
    const purges: Promise<unknown>[] = removed.slice(0, SWEEP).map((seq) =>
      this.#jetStream.request(`STREAM.MSG.DELETE.KV_${bucket}`, { seq, no_erase: true })
    );
    for (const [i, owner] of owners.entries()) {
      const members = leases.get(owner)!;
      if (alive[i]) { for (const { entry } of members.values()) entries.push(entry); }
      else if (members.size > 0) {
        // Only up to what was read: its process may have come back, and written all of it anew.
        const seq = Math.max(...Array.from(members.values(), ({ sequence }) => sequence)) + 1;
        const filter = `${parent}.${owner}.>`;
        purges.push(this.#jetStream.request(`STREAM.PURGE.KV_${bucket}`, { filter, seq }));
      }
    }
    // What another read has taken out as well is missing.
    await Promise.allSettled(purges);
    return entries;
  }

  /** The connection is lost: the streams may be. */
  lose(): void {
    this.#open.clear();
  }

  async #bucket(channel: string): Promise<{ readonly bucket: string; readonly name: string }> {
    const { parent, topic } = split(channel);
    const bucket = `${streamName(parent.slice(0, -1))}presence`;
    await this.#opened(bucket);
    return { bucket, name: topic.replaceAll("%", "=") };
  }

  #opened(bucket: string): Promise<unknown> {
    let open = this.#open.get(bucket);
    if (open === undefined) {
      open = this.#jetStream.open({
        name: `KV_${bucket}`,
        subjects: [`$KV.${bucket}.>`],
        max_msgs_per_subject: 1,
        max_age: DAY,
      });
      this.#open.set(bucket, open);
      open.catch(() => this.#open.get(bucket) === open && this.#open.delete(bucket));
    }
    return open;
  }

  /** Writes a key, also when the stream has gone: then nothing has taken it. */
  async #put(bucket: string, subject: string, payload: Uint8Array): Promise<number> {
    const opened = this.#open.get(bucket);
    try {
      return await this.#jetStream.publish(subject, payload);
    } catch (error) {
      if (!isGone(error)) throw error;
      if (this.#open.get(bucket) === opened) this.#open.delete(bucket);
      await this.#opened(bucket);
      return await this.#jetStream.publish(subject, payload);
    }
  }

  async #get(bucket: string, which: object): Promise<Found | undefined> {
    try {
      const { message: { time, data = "" } } = await this.#jetStream.request<
        { message: { time: string; data?: string } }
      >(`STREAM.MSG.GET.KV_${bucket}`, which);
      return { time: Date.parse(time), data: atob(data) };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }
}

/** Whether a lease lasts at a time. */
function lasts(lease: Found | undefined, now: number): boolean {
  return lease !== undefined && now - lease.time < Number(lease.data);
}

/** A key as part of a subject: letters, digits, `-` and `_`; other octets of it after `=`. */
function token(key: string): string {
  let result = "k";
  for (const octet of encodeUtf8(key)) {
    const character = String.fromCharCode(octet);
    result += /[\w-]/.test(character) ? character : `=${octet.toString(16).padStart(2, "0")}`;
  }
  return result;
}
