// Names for connections, unique over all processes: a random part for each process, and a number.

let origin: string | undefined;
let count = 0;

/** The name of this process: 16 hexadecimal digits, anew for each start. */
export function processId(): string {
  return origin ??= [...crypto.getRandomValues(new Uint8Array(8))]
    .map((octet) => octet.toString(16).padStart(2, "0"))
    .join("");
}

/** A name that no other connection has: that of the process, a hyphen, and a number. */
export function nextId(): string {
  return `${processId()}-${++count}`;
}
