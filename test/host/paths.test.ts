import { describe, expect, it } from "vitest";
import { pathsScript, scopePaths } from "../../host/paths.ts";
import { run } from "../support/process.ts";

describe("host/scripts/lib/paths.sh", () => {
  it("is written from host/paths.ts; a changed table is written with npm test -- -u test/host/paths.test.ts", () =>
    expect(pathsScript()).toMatchFileSnapshot("../../host/scripts/lib/paths.sh"));

  it.each([["dash"], ["bash"], ["busybox", "sh"]])("gives %s the paths of both scopes", async (...shell) => {
    for (const scope of ["user", "system"] as const) {
      const script = `set -eu\nHOME='/home/a b' WARMBOX_SCOPE=${scope}\n${pathsScript()}host_paths\nset | grep ^path_`;
      const { code, stdout } = await run([...shell, "-c", script]);
      expect(code).toBe(0);
      const values = stdout
        .replace(/^path_\w+=(['"]?)(.*)\1$/gm, "$2")
        .split("\n")
        .filter(Boolean);
      expect(values.sort()).toEqual(Object.values(scopePaths(scope, "/home/a b")).sort());
    }
  });
});
