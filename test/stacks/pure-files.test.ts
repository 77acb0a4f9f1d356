import { globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const PURE = "{stacks,plan,render}/**/*.ts";

/** Files of this project that one file imports to run, by path from the root; `import type` runs nothing. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/^(?:import|export) (?!type )[^;]*? from "(\.[^"]+)";/gms)].map(([, path = ""]) =>
    join(dirname(file), path),
  );
}

/** Pure files that tests import, and those that these are made of. */
function reached(pure: Set<string>): Set<string> {
  const found = new Set<string>();
  const visit = (file: string) => {
    if (!pure.has(file) || found.has(file)) return;
    found.add(file);
    importsOf(file).forEach(visit);
  };
  for (const test of globSync("test/**/*.test.ts", { cwd: root })) importsOf(test).forEach(visit);
  return found;
}

it("every pure file is reached by a test", () => {
  const pure = globSync(PURE, { cwd: root })
    .filter((file) => file !== "stacks/types.ts") // types only
    .sort();
  expect(pure.length).toBeGreaterThan(10);
  const tested = reached(new Set(pure));
  expect(pure.filter((file) => !tested.has(file))).toEqual([]);
});
