// The text of an error names the row of docs/reference/errors.md that has its cause and its cure.

/**
 * The address of a row.
 *
 * @param row What the row is about, such as a code; nothing for what all addresses have.
 * @returns The address.
 */
export function addressOf(row: string): string {
  return `errors.md#${row.toLowerCase()}`;
}

/**
 * Adds the address of a row to a message, unless it has one already: that of its cause.
 *
 * @param message The message.
 * @param row What the row is about, such as a code.
 * @returns The message with the address.
 */
export function withRow(message: string, row: string): string {
  return message.includes(addressOf("")) ? message : `${message} (${addressOf(row)})`;
}

/**
 * A message as it was before `withRow()`.
 *
 * @param message The message.
 * @returns The message without its address.
 */
export function withoutRow(message: string): string {
  return message.split(` (${addressOf("")}`, 1)[0]!;
}
