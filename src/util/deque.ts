// A queue for any number of items: an array takes longer for each `shift()` the longer it is.

/** A queue in which adding and taking one takes the same time however many there are. */
export class Deque<Item> {
  /** From `#first` on. */
  #items: (Item | undefined)[] = [];
  #first = 0;

  /** How many there are. */
  get count(): number {
    return this.#items.length - this.#first;
  }

  /** The one that was added first. */
  get first(): Item | undefined {
    return this.#items[this.#first];
  }

  /** The one that was added last. */
  get last(): Item | undefined {
    return this.#items.at(-1);
  }

  /** Adds one. */
  push(item: Item): void {
    this.#items.push(item);
  }

  /** Takes the first. */
  shift(): Item | undefined {
    const { first } = this;
    if (this.count === 0) return undefined;
    this.#items[this.#first++] = undefined;
    if (this.#first < 64 || this.#first * 2 < this.#items.length) return first;
    this.#items = this.#items.slice(this.#first);
    this.#first = 0;
    return first;
  }
}
