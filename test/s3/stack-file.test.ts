import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { readStack } from "../../stacks/config.ts";

const FILE = readFileSync(join(import.meta.dirname, "../../stacks/Pulumi.s3.yaml"), "utf8");

function stackOf(text: string) {
  const config: Record<string, unknown> = parse(text).config;
  const keys = Object.keys(config).map((key) => key.replace("warmbox:", ""));
  return readStack((key) => config[`warmbox:${key}`], keys);
}

it("needs no account as it is", () => {
  expect(stackOf(FILE).s3?.kind).toBe("embedded");
});

const others = [...FILE.matchAll(/^ {2}# (warmbox:(s3|gcs): \{.*\})$/gm)].map(([, line = ""]) => line);

it("shows the other ways in", () => expect(others).toHaveLength(4));

it.each(others)("%s can be taken as it stands", (line) => {
  const without = FILE.replace(/^ {2}warmbox:s3:\n {4}kind: embedded\n/m, "");
  const { s3, gcs } = stackOf(`${without}  ${line}\n`);
  expect(s3 ?? gcs).toBeDefined();
});
