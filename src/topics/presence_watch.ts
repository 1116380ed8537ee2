// Watches a topic while there are iterations: the members of all processes, kept up to date.
//
// 1. First the channel is joined, then the store is read. What is announced meanwhile is kept, and
//    applied behind what was read.
// 2. Where an announcement may have been missed, and when the broker is back, the store is read
//    again, at most once a second, and only what differs is told.
// 3. The members of this process come from its registry, at once, also while the broker is away.

import type { Clock } from "../util/clock.ts";
import type { PresenceEntry } from "./backplane.ts";
import type { PresenceMember } from "./presence.ts";
import { readMembers, type StoreCalls } from "./store_calls.ts";
import { PresenceIteration, type PresenceSource } from "./presence_iteration.ts";
import { parseChanges, parseValue, type PresenceChanges } from "./presence_message.ts";
import type { PresencePeers, PresenceWatcher } from "./presence_peers.ts";
import type { PresenceRoom } from "./presence_registry.ts";
import { type PresenceDifference, PresenceView } from "./presence_view.ts";

/** Milliseconds between two reads of a topic. */
const REST = 1_000;
/** The most characters of announcements that wait for a read. */
const MOST_KEPT = 1_048_576;

/** What a watch needs. */
export interface PresenceWatchOptions {
  /** The topic. */
  readonly topic: string;
  /** Tells the time. */
  readonly clock: Clock;
  /** Calls the store. */
  readonly calls: StoreCalls;
  /** The way to other processes, if there is one. */
  readonly peers: PresencePeers | undefined;
  /** The members of this process. */
  readonly own: () => PresenceRoom | undefined;
  /** Something has come of a process. */
  readonly heard: (lease: string) => void;
  /** There is no iteration any more. */
  readonly ended: (watch: PresenceWatch) => void;
}

/** The watch of one topic. */
export class PresenceWatch implements PresenceWatcher, PresenceSource {
  /** The members. */
  readonly view: PresenceView = new PresenceView((difference) => this.#changed(difference));
  readonly #options: PresenceWatchOptions;
  readonly #iterations = new Set<PresenceIteration>();
  /** Whether the members of others were read once. */
  #loaded: boolean;
  #up = false;
  /** Counts reads: only the last one has an effect. */
  #reads = 0;
  /** What was announced since the read began; undefined while there is none under way. */
  #kept: PresenceChanges[] | undefined;
  #characters = 0;
  /** Whether something was missed since. */
  #again = false;
  /** Waits for the next read. */
  #timer: unknown;

  /** A watch without iterations. */
  constructor(options: PresenceWatchOptions) {
    this.#options = options;
    this.#loaded = options.peers === undefined;
    this.view.apply(ownChanges(options.peers, options.own()));
  }

  /** The topic. */
  get topic(): string {
    return this.#options.topic;
  }

  /** Whether the view has all that was announced. */
  get current(): boolean {
    if (this.#options.peers === undefined) return true;
    return this.#loaded && this.#up && this.#kept === undefined && this.#timer === undefined;
  }

  /** Implements {@linkcode PresenceSource}. */
  begin(iteration: PresenceIteration): void {
    this.#iterations.add(iteration);
  }

  /** Implements {@linkcode PresenceSource}. */
  end(iteration: PresenceIteration): void {
    this.#iterations.delete(iteration);
    if (this.#iterations.size > 0) return;
    this.down();
    this.#options.peers?.unwatch(this.topic);
    this.#options.ended(this);
  }

  /** Implements {@linkcode PresenceSource}. */
  snapshot(): PresenceMember[] | undefined {
    return this.#loaded ? membersOf(this.view) : undefined;
  }

  /** The broker is there: reads. */
  up(): void {
    this.#up = true;
    this.#read();
  }

  /** It is away. */
  down(): void {
    this.#up = false;
    this.#reads++;
    this.#kept = undefined;
    this.#options.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  /** Implements {@linkcode PresenceWatcher}. */
  event(text: string): void {
    const changes = parseChanges(text);
    if (changes === undefined) return this.gap();
    const { lease } = changes;
    if (lease === this.#options.peers?.lease) return;
    this.#options.heard(lease);
    if (this.#kept === undefined) {
      if (this.#loaded) this.view.apply(changes);
      return;
    }
    this.#characters += text.length;
    if (this.#characters > MOST_KEPT) this.#again = true;
    else this.#kept.push(changes);
  }

  /** Implements {@linkcode PresenceWatcher}. */
  gap(): void {
    if (this.#kept !== undefined) this.#again = true;
    else if (this.#up) this.#later();
  }

  /** A process has ended. */
  drop(lease: string): void {
    // What is being read tells it, or the next look.
    if (this.#kept === undefined) this.view.drop(lease);
  }

  /** Ends all iterations. */
  close(): void {
    for (const iteration of [...this.#iterations]) iteration.close();
  }

  #changed(difference: PresenceDifference): void {
    for (const iteration of this.#iterations) iteration.push(difference);
  }

  #later(): void {
    this.#timer ??= this.#options.clock.setTimer(
      () => {
        this.#timer = undefined;
        this.#read();
      },
      REST,
      "a read of presence",
    );
  }

  #read(): void {
    const peers = this.#options.peers!;
    const reads = ++this.#reads;
    this.#options.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#kept = [];
    this.#characters = 0;
    this.#again = false;
    this.#load(peers).then((entries) => {
      if (reads !== this.#reads) return;
      if (entries === undefined) return this.#failed();
      const kept = this.#kept ?? [];
      this.#kept = undefined;
      this.#take(peers, entries, kept);
    }, (error) => {
      if (reads !== this.#reads) return;
      peers.refused(error);
      this.#failed();
    });
  }

  /** Joins the channel and reads the store. Undefined where the channel could not be joined. */
  async #load(peers: PresencePeers): Promise<PresenceEntry[] | undefined> {
    const { topic, calls } = this.#options;
    if (!(await peers.watch(topic, this))) return undefined;
    return readMembers(calls, peers, topic);
  }

  #failed(): void {
    // What was announced is lost, and the next read has it.
    this.#kept = undefined;
    this.#later();
  }

  #take(
    peers: PresencePeers,
    entries: readonly PresenceEntry[],
    kept: readonly PresenceChanges[],
  ): void {
    const { own, heard } = this.#options;
    const again = this.#again;
    const first = !this.#loaded;
    // One by one, an announcement that is older than what was read would be told, and taken back.
    const next = new PresenceView(() => {});
    fill(next, peers, entries, own());
    for (const changes of kept) next.apply(changes);
    for (const lease of next.leases.keys()) heard(lease);
    this.#loaded = true;
    this.view.replace(next.entries());
    if (again) this.#later();
    if (first) { for (const iteration of this.#iterations) iteration.proceed(); }
  }
}

/** The members of a view, each with an info of its own. */
export function membersOf(view: PresenceView): PresenceMember[] {
  const members: PresenceMember[] = [];
  for (const [key, info] of view.members()) {
    members.push({ key, info: JSON.parse(info) as unknown });
  }
  return members;
}

/** Fills a view with what the store has of other processes, and the registry of this one. */
export function fill(
  view: PresenceView,
  peers: PresencePeers | undefined,
  entries: readonly PresenceEntry[],
  own: PresenceRoom | undefined,
): PresenceView {
  for (const { lease, key, info } of entries) {
    const value = parseValue(info);
    if (lease === peers?.lease || value === undefined) continue;
    view.apply({ lease, changes: new Map([[key, value]]) });
  }
  view.apply(ownChanges(peers, own));
  return view;
}

/** What this process has. */
function ownChanges(
  peers: PresencePeers | undefined,
  own: PresenceRoom | undefined,
): PresenceChanges {
  const changes: PresenceChanges["changes"] = new Map(
    [...own?.members.values() ?? []].map(({ key, value }) => [key, value]),
  );
  return { lease: peers?.lease ?? "", changes };
}
