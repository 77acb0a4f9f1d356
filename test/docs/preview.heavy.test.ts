import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { pagesWith, stableTranscripts } from "../../setup/dev/docs/record.ts";

const root = join(import.meta.dirname, "../..");

it("docs/ shows what a preview of a declared host prints (else: ./warmbox docs)", async () => {
  const texts = await stableTranscripts(root, ({ needsEngine }) => needsEngine === true);
  expect(texts.size).toBe(1);
  for (const [path, text] of pagesWith(root, texts))
    expect(readFileSync(join(root, path), "utf8")).toBe(text);
});
