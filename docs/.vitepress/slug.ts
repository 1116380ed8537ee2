/**
 * The address of a heading within its page, as it is where the pages are read as Markdown.
 *
 * @param heading The heading's text.
 * @returns What stands behind the `#`.
 */
export function slug(heading: string): string {
  return heading.trim().toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");
}
