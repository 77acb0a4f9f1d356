import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { MARKERS, README, withOptions } from "../../ops/docs.ts";
import { optionTable } from "../../ops/option-table.ts";

it("README's option table is that of the schema (else: ./warmbox docs)", async () => {
  const readme = await readFile(README, "utf8");
  expect(readme).toBe(withOptions(readme));
});

it("leaves everything beside the table alone", () => {
  const text = `before\n${MARKERS.begin}\nold\n${MARKERS.end}\nafter\n`;
  const once = withOptions(text);
  expect(once.startsWith(`before\n${MARKERS.begin}\n\n| key |`)).toBe(true);
  expect(once.endsWith(`|\n\n</details>\n\n${MARKERS.end}\nafter\n`)).toBe(true);
  expect(withOptions(once)).toBe(once);
});

it("says where the table should go", () => {
  expect(() => withOptions("# warmbox\n")).toThrow(
    "README.md: no place for the option table; next: add the lines <!-- options:begin --> and <!-- options:end -->",
  );
});

it("every key has a sentence, a kind of value, and a default where it may be left out", () => {
  const rows = optionTable()
    .split("\n")
    .filter((line) => line.startsWith("| `"));
  expect(rows.length).toBeGreaterThan(60);
  for (const row of rows) {
    const [, key, value, , what] = row.split(/(?<!\\)\|/).map((cell) => cell.trim());
    expect(what, key).toMatch(/[.…]/);
    expect(value, key).not.toBe("");
  }
});

it("folds up what few stacks have, and nothing else", () => {
  const [table = "", folded = ""] = optionTable().split("<details>");
  expect(table).toContain("| `hosts.NAME.facts` |");
  expect(table).not.toContain("hosts.NAME.facts.");
  const keys = [...folded.matchAll(/^\| `(\S+)` \|/gm)].map(([, key = ""]) => key);
  expect(keys.length).toBeGreaterThan(15);
  expect(keys.filter((key) => !key.startsWith("hosts.NAME.facts."))).toEqual([]);
  expect(folded).toContain(`The ${keys.length} keys of`);
});
