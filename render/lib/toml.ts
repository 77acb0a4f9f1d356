import { stringify } from "smol-toml";

/** A TOML table before it is text. */
export type Table = { [key: string]: unknown };

/**
 * TOML by smol-toml, with a comment above each key that has a reason: no TOML writer for JavaScript keeps comments.
 * Works on its output line by line, which is safe because it writes every value on one line.
 * @param reasons by key path, `build.jobs`
 */
export function toml(table: Table, reasons: Record<string, string> = {}): string {
  let section = "";
  const lines: string[] = [];
  for (const line of stringify(table).split("\n")) {
    const header = /^\[(.+)\]$/.exec(line);
    const key = /^([\w.-]+) = /.exec(line);
    if (header) section = `${header[1]}.`;
    const reason = key ? reasons[`${section}${key[1]}`] : undefined;
    if (reason !== undefined) lines.push(`# ${reason}`);
    lines.push(line);
  }
  return `${lines.join("\n").trim()}\n`;
}

/** `more` laid over `base`, table by table; a value of `more` wins. */
export function merged(base: Table, overrides: Table): Table {
  const result: Table = { ...base };
  for (const [key, value] of Object.entries(overrides)) {
    const old = result[key];
    result[key] = isTable(old) && isTable(value) ? merged(old, value) : value;
  }
  return result;
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
