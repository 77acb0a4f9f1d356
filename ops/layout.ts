import { stripVTControlCharacters, styleText } from "node:util";
import type { ProgressStream } from "../tools/progress.ts";

/** How a stream shows text: a terminal has a width, and mostly colours. */
export type Layout = { readonly columns: number | null; readonly hasColour: boolean };

/** A file or a pipe. */
export const PLAIN: Layout = { columns: null, hasColour: false };

/**
 * The layout of a stream. NO_COLOR wins, then CLICOLOR_FORCE, then CLICOLOR.
 * @see https://no-color.org and https://bixense.com/clicolors
 */
export function layoutOf(
  { isTTY = false, columns }: Omit<ProgressStream, "write">,
  env: NodeJS.ProcessEnv = process.env,
): Layout {
  const isForced = (env.CLICOLOR_FORCE ?? "0") !== "0";
  const isWelcome = isTTY && env.CLICOLOR !== "0" && env.TERM !== "dumb";
  return { columns: isTTY ? (columns ?? null) : null, hasColour: !env.NO_COLOR && (isForced || isWelcome) };
}

/** A text in a style, if the stream has colours. */
export function styled(layout: Layout, style: "bold" | "red" | "green", text: string): string {
  return layout.hasColour ? styleText(style, text, { validateStream: false }) : text;
}

/** A last column that is narrower than this is not wrapped, since it would be all breaks. */
const LEAST_COLUMNS = 20;

/**
 * Rows with every column as wide as its widest cell, without spaces at the line ends. The last cell of a row may be any
 * length; if the terminal is too narrow for it, it continues below itself.
 */
export function table(
  rows: readonly (readonly string[])[],
  { columns }: Layout = PLAIN,
  indent = "  ",
): string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, cell] of row.slice(0, -1).entries())
      widths[index] = Math.max(widths[index] ?? 0, visibleLength(cell));
  return rows.flatMap((row) => {
    const head = row.slice(0, -1).map((cell, index) => `${padded(cell, widths[index] ?? 0)}  `);
    const start = indent + head.join("");
    const room = columns === null ? Number.POSITIVE_INFINITY : columns - visibleLength(start);
    const [first = "", ...rest] = room < LEAST_COLUMNS ? [row.at(-1)] : wrapped(row.at(-1) ?? "", room);
    const below = " ".repeat(visibleLength(start));
    return [(start + first).trimEnd(), ...rest.map((line) => below + line)];
  });
}

const visibleLength = (text: string): number => stripVTControlCharacters(text).length;
const padded = (text: string, width: number): string => text + " ".repeat(width - visibleLength(text));

/** A text in lines of at most so many columns, broken between words. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && visibleLength(last) + visibleLength(word) < columns)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
