// Names for connections, unique over all processes: a random part for each process, and a number.

let origin: string | undefined;
let count = 0;

/** A name that no other connection has: 16 hexadecimal digits, a hyphen, and a number. */
export function nextId(): string {
  origin ??= [...crypto.getRandomValues(new Uint8Array(8))]
    .map((octet) => octet.toString(16).padStart(2, "0"))
    .join("");
  return `${origin}-${++count}`;
}
