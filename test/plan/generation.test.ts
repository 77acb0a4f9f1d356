import { describe, expect, it } from "vitest";
import { generationFor } from "../../plan/generation.ts";

const NOW = 1_790_000_000;
const ledger = { owner: "local", generation: 7, drift: "" };

describe("generationFor", () => {
  it.each([
    ["no ledger: a number that no state can hold", undefined, NOW],
    ["mine and intact: its number", ledger, 7],
    ["drifted: one more", { ...ledger, drift: "-a\n+b\n" }, 8],
    ["another stack's: one more", { ...ledger, owner: "s3" }, 8],
    ["another stack's and drifted: still one more", { ...ledger, owner: "s3", drift: "-a\n" }, 8],
  ])("%s", (_what, found, expected) => {
    expect(generationFor(found, "local", NOW)).toBe(expected);
  });
});
