import { wordOf } from "./sections.ts";
import type { CargoConflict, HostFacts } from "./types.ts";

/**
 * The user's cargo configuration as the probe reports it: line numbers and names of settings, without their values.
 * A key in the user's own file wins over the same key in a file that it includes, so each such key is a conflict.
 * @see https://doc.rust-lang.org/cargo/reference/config.html
 */
export function cargoConfigFacts(lines: string[]): HostFacts["cargoConfig"] {
  const path = wordOf(lines, "config") ?? "";
  const entries = lines.map(entryOf).filter((entry) => entry !== null);
  return {
    path,
    includes: entries.some(
      (e) => e.kind === "include" && /["'](?:.*\/)?warmbox\.toml["']/.test(withoutComment(e.text)),
    ),
    conflicts: conflictsOf(entries),
  };
}

type Entry = { line: number; kind: string; text: string };

function entryOf(line: string): Entry | null {
  const match = /^(\d+) (include|table|inline|key) (.*)$/.exec(line);
  return match ? { line: Number(match[1]), kind: match[2] ?? "", text: match[3] ?? "" } : null;
}

/** Settings of warmbox, as dotted keys. */
const WARMBOX_KEYS = /^(build\.(rustc-wrapper|incremental|jobs)|profile\.[^.]+(\.[^.]+)*\.incremental)$/;

function conflictsOf(entries: Entry[]): CargoConflict[] {
  let table = "";
  return entries.flatMap(({ line, kind, text }) => {
    if (kind === "table") {
      table = `${dotted(text.replace(/^\[+|\]+$/g, ""))}.`;
      return [];
    }
    const keys = kind === "inline" ? inlineKeys(text) : kind === "key" ? [dotted(text)] : [];
    return keys.map((key) => ({ key: table + key, line })).filter(({ key }) => WARMBOX_KEYS.test(key));
  });
}

/** `build = { jobs = 2, incremental = true }` as `build.jobs`, `build.incremental`. */
function inlineKeys(text: string): string[] {
  const [name = "", ...rest] = text.split("=");
  const inside = rest.join("=").replace(/^\s*\{|\}\s*(#.*)?$/g, "");
  const keys = [...inside.matchAll(/(?:^|[,{])\s*([\w."'-]+)\s*=/g)].map((m) => dotted(m[1] ?? ""));
  return keys.map((key) => `${dotted(name)}.${key}`);
}

/** A key without quotes and spaces: `profile . "dev"` is `profile.dev`. */
const dotted = (key: string): string =>
  key
    .split(".")
    .map((part) => part.trim().replace(/^["']|["']$/g, ""))
    .join(".");

const withoutComment = (text: string): string => text.replace(/#.*$/, "");
