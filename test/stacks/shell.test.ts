import { expect, test } from "vitest";
import { shellWord } from "../../stacks/shell.ts";

test("a shell word is quoted only where a shell would change it", () => {
  expect(["a/b-c.d", "two words", "it's", "", 7].map(shellWord)).toEqual([
    "a/b-c.d",
    "'two words'",
    "'it'\\''s'",
    "''",
    "7",
  ]);
});
