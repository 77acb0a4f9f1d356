import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readStack } from "../../stacks/config.ts";
import { parseStackText } from "../../stacks/stack-file.ts";

const example = (name: string) =>
  readFileSync(join(import.meta.dirname, `../../stacks/examples/${name}.yaml`), "utf8");
const FILE = example("s3");

function stackOf(text: string) {
  const raw = parseStackText(text, "s3.yaml");
  const files = { names: () => ["local"], read: () => parseStackText(example("local"), "local.yaml") };
  return readStack((key) => raw[key], Object.keys(raw), files, "s3");
}

it("needs no account as it is", () => {
  expect(stackOf(FILE).s3?.kind).toBe("embedded");
});

const others = [...FILE.matchAll(/^ {2}# (warmbox:(s3|gcs): \{.*\})$/gm)].map(([, line = ""]) => line);

it("shows the other ways in", () => expect(others).toHaveLength(4));

it.each(others)("%s is valid without an edit", (line) => {
  const without = FILE.replace(/^ {2}warmbox:s3:\n {4}kind: embedded\n/m, "");
  const { s3, gcs } = stackOf(`${without}  ${line}\n`);
  expect(s3 ?? gcs).toBeDefined();
});
