import { expect, it } from "vitest";
import { parse } from "yaml";
import { configurationPages, GROUPS } from "../../../setup/dev/docs/configuration.ts";
import { stalePages } from "../../../setup/dev/docs/main.ts";
import { optionRows, optionTable } from "../../../setup/dev/docs/options.ts";
import { parseStackConfig } from "../../../stacks/config.ts";

const pages = configurationPages();
const keysOf = (text = "") =>
  [...text.matchAll(/^\| `([^`]+)` \| .* \| .* \| .* \|$/gm)].map(([, key = ""]) => key);

it("the generated pages are those of the schema (else: ./warmbox docs)", async () => {
  expect(await stalePages()).toEqual([]);
});

it("a missing page is stale", async () => {
  expect(await stalePages("/nonexistent")).toEqual([
    ...[...pages.keys(), "docs/troubleshooting.md", "docs/terminal.svg"],
  ]);
});

it("every key has a sentence, a type of value, and a default if it may be left out", () => {
  const rows = optionRows();
  expect(rows.length).toBeGreaterThan(90);
  for (const { key, type, description } of rows) {
    expect(description, key).toMatch(/[.…]/);
    expect(type, key).not.toBe("");
  }
});

it("every key is on exactly one page", () => {
  const listed = [...pages.values()].flatMap((text) => keysOf(text));
  expect(listed.toSorted()).toEqual(
    optionRows()
      .map(({ key }) => key)
      .toSorted(),
  );
});

it("the facts have their own page", () => {
  const keys = keysOf(pages.get("docs/configuration/facts.md"));
  expect(keys.length).toBeGreaterThan(15);
  expect(keys.filter((key) => !/^hosts\.NAME\.facts(\.|$)/.test(key))).toEqual([]);
});

it("a pipe in a description does not end its cell", () => {
  expect(optionTable([{ key: "a", type: "text", fallback: "", description: "b | c." }])).toContain(
    "b \\| c.",
  );
});

it.each(GROUPS.map((group) => [group.name, group.example]))(
  "the example of %s is a valid stack",
  (_, example) => {
    const config = Object.entries(parse(example).config).map(([key, value]) => [
      key.replace("warmbox:", ""),
      value,
    ]);
    expect(() => parseStackConfig(Object.fromEntries(config))).not.toThrow();
  },
);
