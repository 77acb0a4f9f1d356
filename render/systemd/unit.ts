/**
 * systemd unit files as text. A general INI writer does not do: systemd repeats a key for a list, and expands `%` and,
 * in Exec lines, `$`.
 * @see https://www.freedesktop.org/software/systemd/man/latest/systemd.syntax.html
 */

/** One key of a section. A list repeats the key, a line each; an undefined value leaves the key out. */
export type UnitValue = string | number | readonly string[] | undefined;

/** Sections in order, keys in order: systemd's own names and spelling. */
export type UnitSections = Record<string, Record<string, UnitValue>>;

/** The whole file: its purpose, its writer, a blank line between sections, one newline at the end. */
export function unitText(comment: string, sections: UnitSections): string {
  const blocks = Object.entries(sections).map(([name, keys]) => [`[${name}]`, ...keyLines(keys)].join("\n"));
  return `# Written by warmbox: ${comment}\n\n${blocks.join("\n\n")}\n`;
}

function keyLines(keys: Record<string, UnitValue>): string[] {
  return Object.entries(keys).flatMap(([key, value]) => {
    if (value === undefined) return [];
    const values = typeof value === "string" || typeof value === "number" ? [String(value)] : value;
    return values.map((item) => oneLine(key, item));
  });
}

/** A line break in a value would start another key. Quoted words never hold one; this is for all others. */
function oneLine(key: string, value: string): string {
  if (/[\n\r]/.test(value))
    throw new Error(`${key}: ${JSON.stringify(value)}: a unit file's value is one line`);
  return `${key}=${value}`;
}

/** One word of a unit file, whatever `text` holds: quoted where systemd would split it, `%` doubled. */
export function unitWord(text: string): string {
  const literal = text.replaceAll("%", "%%");
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(literal)) return literal;
  return `"${literal.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\r", "\\r")}"`;
}

/** A command line for Exec keys: absolute program and its arguments, nothing expanded. */
export function execLine(argv: readonly string[]): string {
  return argv.map((word) => unitWord(word).replaceAll("$", "$$$$")).join(" "); // `$$` in the file is one `$`
}

/** Values of `Environment`: one assignment a line, in the order given. */
export function environmentLines(variables: Readonly<Record<string, string>>): string[] {
  return Object.entries(variables).map(([name, value]) => unitWord(`${name}=${value}`));
}

/** Columns of a folded list. */
const WIDTH = 110;

/**
 * Values of `UnsetEnvironment`, folded: of these names those that the unit does not set itself, for unsetting comes
 * last and wins, over drop-ins as well.
 */
export function unsetEnvironment(names: readonly string[], set: Readonly<Record<string, string>>): string[] {
  const lines: string[] = [];
  for (const name of names.filter((n) => !Object.hasOwn(set, n))) {
    const line = lines.at(-1);
    if (line === undefined || "UnsetEnvironment=".length + line.length + name.length >= WIDTH)
      lines.push(name);
    else lines[lines.length - 1] = `${line} ${name}`;
  }
  return lines;
}
