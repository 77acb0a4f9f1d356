import { expect, it } from "vitest";
import { merged, toml } from "../../render/lib/toml.ts";

it("puts each reason above its key, in its own table", () => {
  const table = { jobs: 1, a: { jobs: 2, "x.y": { jobs: 3 } } };
  expect(toml(table, { jobs: "top", "a.jobs": "inner" })).toBe(`# top
jobs = 1

[a]
# inner
jobs = 2

[a."x.y"]
jobs = 3
`);
});

it("does not take a value for a table or a key", () => {
  expect(toml({ a: "\n[b]\nc = 1\n" }, { "b.c": "no" })).toBe('a = "\\n[b]\\nc = 1\\n"\n');
});

it("lays tables over tables, and replaces everything else", () => {
  const base = { keep: 1, list: [1, 2], t: { a: 1, b: { c: 1 } }, was: { x: 1 } };
  expect(merged(base, { list: [3], t: { b: { d: 2 } }, was: 4 })).toEqual({
    keep: 1,
    list: [3],
    t: { a: 1, b: { c: 1, d: 2 } },
    was: 4,
  });
});

it("does not change its argument", () => {
  const base = { t: { a: 1 } };
  merged(base, { t: { a: 2 } });
  expect(base).toEqual({ t: { a: 1 } });
});
