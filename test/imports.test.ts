import { globSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { fileImports, importCycles } from "../setup/dev/measures/cycles.ts";

const root = resolve(import.meta.dirname, "..");
const files = (pattern: string) => globSync(pattern, { cwd: root }).sort();

/** Files of this project that one file imports, by path from the root: values, types and dynamic imports. */
const importsOf = (file: string): string[] => fileImports(file, readFileSync(join(root, file), "utf8"));
/** What one file loads when it runs: all but types. */
const loadedBy = (file: string): string[] => {
  const text = readFileSync(join(root, file), "utf8");
  return fileImports(file, text.replace(/^(?:import|export) type [^;]*;/gm, ""));
};
const roomOf = (file: string): string => (file.includes("/") ? (file.split("/")[0] ?? "") : ".");

/** Imports from `room` into other rooms than those. */
function strayImports(room: string, allowed: readonly string[]): string[] {
  const sources = files(`${room}/**/*.{ts,mjs,mts}`);
  expect(sources.length).toBeGreaterThan(5);
  return sources.flatMap((file) =>
    importsOf(file)
      .filter((target) => !allowed.includes(roomOf(target)))
      .map((target) => `${file} imports ${target}`),
  );
}

describe("imports have one direction", () => {
  /** Each room may import from itself and from those before it. */
  const ROOMS = ["stacks", "tools", "host", "plan", "render", "components", "ops"];
  const PROGRAM = readdirSync(root).filter((file) => file.endsWith(".ts") && file !== "vitest.config.ts");

  it.each(ROOMS)("%s/ imports only from the rooms before it", (room) => {
    expect(strayImports(room, ROOMS.slice(0, ROOMS.indexOf(room) + 1))).toEqual([]);
  });

  it("setup/ imports nothing of the product above stacks/ and tools/", () => {
    expect(strayImports("setup", ["setup", "stacks", "tools"])).toEqual([]);
  });

  it("the program imports nothing of setup/", () => {
    expect(PROGRAM).toEqual(["index.ts"]);
    const rooms = PROGRAM.flatMap(importsOf).map(roomOf);
    expect(rooms.filter((room) => !ROOMS.includes(room))).toEqual([]);
  });

  it("no files import each other, not even types", () => {
    const sources = files(
      "{bench,components,examples,host,ops,plan,render,setup,stacks,test,tools}/**/*.{ts,mts,mjs}",
    );
    const imports = [...sources, ...PROGRAM].map((file) => [file, importsOf(file)] as const);
    expect(importCycles(new Map(imports))).toEqual([]);
  });
});

describe("every pure file has a test", () => {
  /** The program that test/setup-tools/push-tools.test.ts starts; a file of types has nothing to run. */
  const isPure = (file: string) =>
    file !== "host/push-tools.ts" &&
    /^export (default|async|const|function|class|\{)/m.test(readFileSync(join(root, file), "utf8"));
  const PURE = files("{stacks,host,plan,render}/**/*.ts").filter(isPure);
  /** Parts of another file that are tested through it: whoever adds one names the test that shows it. */
  const THROUGH: Record<string, string[]> = {
    "test/setup-tools/push-tools.test.ts": ["host/pushed-tools.ts"],
    "test/host/facts.test.ts": [
      ...["host/cargo-config.ts", "host/declared.ts", "host/disks.ts", "host/limits.ts"],
      ...["host/observed.ts", "host/ports.ts", "host/tools-found.ts"],
    ],
    "test/plan/sizing.test.ts": [
      ...["plan/bazel-remote.ts", "plan/builders.ts", "plan/disk.ts"],
      ...["plan/sizing-issues.ts", "plan/memory.ts", "plan/explain/bazel-remote.ts", "plan/explain/term.ts"],
    ],
    "test/components/bazel-remote-container.test.ts": ["plan/container.ts"],
    "test/components/host-warnings.test.ts": [
      ...["plan/host-decisions.ts", "plan/host-warnings.ts", "plan/status-access.ts"],
    ],
    "test/components/unreachable.test.ts": ["plan/placeholder-facts.ts"],
    "test/stacks/config.test.ts": [
      ...["stacks/schema/bazel-remote.ts", "stacks/schema/cargo.ts", "stacks/schema/facts.ts"],
      ...["stacks/schema/fields.ts", "stacks/schema/moon.ts", "stacks/schema/sccache.ts"],
      "stacks/schema/tools.ts",
    ],
    "test/render/golden.test.ts": ["render/lib/resource.ts", "render/systemd/unit-shared.ts"],
    "test/s3/scripts.test.ts": ["render/s3/s3-server-unit.ts"],
  };

  const tests = files("test/**/*.ts");
  const direct = new Set(tests.flatMap(loadedBy));

  it("imported by it, or named as a part of a file that is", () => {
    const parts = Object.values(THROUGH).flat();
    expect(PURE.filter((file) => !direct.has(file) && !parts.includes(file))).toEqual([]);
    expect(parts.filter((file) => direct.has(file))).toEqual([]);
  });

  it.each(Object.entries(THROUGH))("%s reaches the parts that it is said to show", (test, parts) => {
    const found = new Set<string>();
    const visit = (file: string) => {
      if (found.has(file)) return;
      found.add(file);
      if (file.endsWith(".ts")) loadedBy(file).forEach(visit);
    };
    visit(test);
    expect(parts.filter((part) => !found.has(part))).toEqual([]);
  });
});
