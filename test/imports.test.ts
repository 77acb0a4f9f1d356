import { globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "..");
const files = (pattern: string) => globSync(pattern, { cwd: root }).sort();

/** Files of this project that one file imports, by path from the root; `import type` runs nothing. */
function importsOf(file: string, types = false): string[] {
  const text = readFileSync(join(root, file), "utf8");
  const declared = [...text.matchAll(/^(?:import|export) (type )?[^;]*? from "(\.[^"]+)";/gms)];
  const loadedLater = [...text.matchAll(/\bimport\("(\.[^"]+)"\)/g)].map(([, path = ""]) => path);
  const paths = declared.filter(([, type]) => types || !type).map(([, , path = ""]) => path);
  return [...paths, ...loadedLater].map((path) => join(dirname(file), path));
}

describe("the flow is one direction", () => {
  /** Each room may import from itself and from those before it. */
  const ROOMS = ["stacks", "tools", "host", "plan", "render", "components"];
  const roomOf = (file: string) => file.split("/")[0] ?? "";

  it.each(ROOMS)("%s/ imports only from the rooms before it", (room) => {
    const before = ROOMS.slice(0, ROOMS.indexOf(room) + 1);
    const mine = files(`${room}/**/*.ts`);
    expect(mine.length).toBeGreaterThan(5);
    const ahead = mine.flatMap((file) =>
      importsOf(file, true)
        .filter((to) => !before.includes(roomOf(to)))
        .map((to) => `${file} imports ${to}`),
    );
    expect(ahead).toEqual([]);
  });
});

describe("setup/ is behind a fence", () => {
  it("imports nothing of the product above stacks/ and tools/", () => {
    const setup = files("setup/**/*.{ts,mjs}");
    expect(setup.length).toBeGreaterThan(30);
    const ahead = setup.flatMap((file) =>
      importsOf(file, true)
        .filter((to) => !/^(setup|stacks|tools)\//.test(to))
        .map((to) => `${file} imports ${to}`),
    );
    expect(ahead).toEqual([]);
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
  const direct = new Set(tests.flatMap((file) => importsOf(file)));

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
      if (file.endsWith(".ts")) importsOf(file).forEach(visit);
    };
    visit(test);
    expect(parts.filter((part) => !found.has(part))).toEqual([]);
  });
});
