// A chart of one runtime as SVG: for each row our cost and the reference's as bars, and the limit as a line.
//
// Every row has its own scale, on which the reference's bar has the same length: a bar shorter than that of the
// reference is cheaper. The chart brings its own ground, and follows the reader's preference for light or dark.

/** A bar. */
export interface Bar {
  readonly name: string;
  /** In a unit of the row's, which need not be that of the label. */
  readonly value: number;
  /** The value in words. */
  readonly label: string;
}

/** A row. */
export interface ChartRow {
  readonly title: string;
  readonly ours: Bar;
  readonly reference: Bar;
  /** What no library can be cheaper than, where it was measured. */
  readonly limit?: Bar;
}

/** A chart. */
export interface Chart {
  readonly title: string;
  readonly subtitle: string;
  readonly rows: readonly ChartRow[];
}

const WIDTH = 860;
const MARGIN = 28;
const HEAD = 104;
const ROW = 50;
const BAR = 13;
const GAP = 3;
/** Where bars begin, and how long that of the reference is. */
const LEFT = 318;
const UNIT = 250;
/** The longest bar, in units: what is longer is cut and says so. */
const LONGEST = 1.45;

const STYLE = `
    svg { font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif }
    .ground { fill: #ffffff; stroke: #d8dee4 }
    .title { fill: #1f2328; font-size: 19px; font-weight: 600 }
    .text { fill: #1f2328; font-size: 13.5px }
    .soft { fill: #59636e; font-size: 12.5px }
    .strong { fill: #1f2328; font-size: 12.5px; font-weight: 600 }
    .ours { fill: #0a7d6c }
    .reference { fill: #b6bec7 }
    .limit { stroke: #c2410c; stroke-width: 2.5 }
    .rule { stroke: #eaeef2 }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #0d1117; stroke: #30363d }
      .title, .text, .strong { fill: #e6edf3 }
      .soft { fill: #9198a1 }
      .ours { fill: #2dd4bf }
      .reference { fill: #57606a }
      .limit { stroke: #fb923c }
      .rule { stroke: #21262d }
    }`;

/** Writes a chart. */
export function createChart({ title, subtitle, rows }: Chart): string {
  const height = HEAD + rows.length * ROW + MARGIN - 8;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `  <title>${escape(title)}</title>`,
    `  <style>${STYLE}\n  </style>`,
    `  <rect class="ground" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="10"/>`,
    text("title", MARGIN, 38, title),
    text("soft", MARGIN, 60, subtitle),
    ...legend(rows),
    ...rows.flatMap((row, i) => drawRow(row, HEAD + i * ROW)),
    "</svg>",
  ];
  return `${parts.join("\n")}\n`;
}

function legend(rows: readonly ChartRow[]): string[] {
  const y = 84;
  const names = [...new Set(rows.map(({ reference }) => reference.name))].join(" or ");
  const other = LEFT + 118;
  const limit = other + 42 + names.length * 7;
  const parts = [
    text("soft", WIDTH - MARGIN, y, "ratio", "end"),
    rect("ours", LEFT, y - 10, 12, 12),
    text("soft", LEFT + 18, y, rows[0]?.ours.name ?? ""),
    rect("reference", other, y - 10, 12, 12),
    text("soft", other + 18, y, names),
  ];
  const { limit: bar } = rows.find((row) => row.limit !== undefined) ?? {};
  if (bar === undefined) return parts;
  return [...parts, tick(limit, y - 11, 14), text("soft", limit + 8, y, bar.name)];
}

function drawRow({ title, ours, reference, limit }: ChartRow, top: number): string[] {
  const lengthOf = (bar: Bar): number => UNIT * bar.value / reference.value;
  const middle = top + ROW / 2;
  const first = middle - BAR - GAP / 2;
  const second = middle + GAP / 2;
  const longest = UNIT * LONGEST;
  const length = Math.min(lengthOf(ours), longest);
  const ratio = (ours.value / reference.value).toFixed(2).replace(
    /^0\.0\d$/,
    (short) => (ours.value / reference.value).toFixed(3).padEnd(short.length),
  );
  const cut = lengthOf(ours) > longest ? " (cut)" : "";
  const at = LEFT + Math.max(length, limit === undefined ? 0 : Math.min(lengthOf(limit) + 2, UNIT));
  const parts = [
    `  <line class="rule" x1="${MARGIN}" y1="${top}" x2="${WIDTH - MARGIN}" y2="${top}"/>`,
    ...wrap(title[0]!.toUpperCase() + title.slice(1)).map((line, i, all) =>
      text("text", MARGIN, middle + 5 - (all.length - 1) * 8 + i * 17, line)
    ),
    rect("ours", LEFT, first, Math.max(length, 1.5), BAR),
    text("strong", at + 8, first + 11, `${ours.label}${cut}`),
    rect("reference", LEFT, second, UNIT, BAR),
    text("soft", LEFT + UNIT + 8, second + 11, reference.label),
    text("strong", WIDTH - MARGIN, middle + 4.5, `${ratio}×`, "end"),
  ];
  if (limit === undefined) return parts;
  const x = LEFT + Math.min(lengthOf(limit), longest);
  return [...parts, tick(x, first - 3, 2 * BAR + GAP + 6)];
}

/** Two lines when one would run into the bars. */
function wrap(title: string): string[] {
  if (title.length <= 40) return [title];
  const cut = title.lastIndexOf(", ", 40);
  return cut < 0 ? [title] : [title.slice(0, cut + 1), title.slice(cut + 2)];
}

function rect(name: string, x: number, y: number, width: number, height: number): string {
  return `  <rect class="${name}" x="${round(x)}" y="${round(y)}" width="${
    round(width)
  }" height="${height}" rx="2"/>`;
}

function tick(x: number, y: number, height: number): string {
  return `  <line class="limit" x1="${round(x)}" y1="${round(y)}" x2="${round(x)}" y2="${
    round(y + height)
  }"/>`;
}

function text(name: string, x: number, y: number, content: string, anchor = "start"): string {
  const where = anchor === "start" ? "" : ` text-anchor="${anchor}"`;
  return `  <text class="${name}" x="${round(x)}" y="${round(y)}"${where}>${
    escape(content)
  }</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(content: string): string {
  return content.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
