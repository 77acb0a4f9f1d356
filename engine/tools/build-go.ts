/** Builds a tool from its Go module: a small wrapper module under engine/go pins it and every dependency by go.sum. */
import { access } from "node:fs/promises";
import { join } from "node:path";
import type { Arch } from "./cache.ts";
import type { Progress } from "./progress.ts";
import { environment, run } from "./run.ts";
import { GO_ARCH } from "./vendor.ts";

/** What to build: the folder with go.mod and go.sum, the package, and `-X` settings that name the version. */
export type GoTool = { module: string; pkg: string; ldflags: string };

/** Builds it for `arch` as a static binary at `out`. `dir` takes what only this build needs. */
export async function buildGo(
  tool: GoTool,
  arch: Arch,
  out: string,
  dir: string,
  progress: Progress,
): Promise<void> {
  const own = { GOWORK: "off", CGO_ENABLED: "0", GOOS: "linux", GOARCH: GO_ARCH[arch] };
  const env = environment(/^(GOOS|GOARCH|GOAMD64|GOARM64|GOEXPERIMENT|GOBIN)$/, own);
  // A user who has a module cache shares it; one who has none gets no ~/go from us.
  const modules = (await run({ argv: ["go", "env", "GOMODCACHE"], cwd: tool.module, env })).trim();
  if (!(await exists(modules))) env.GOMODCACHE = join(dir, "go-mod");
  const common = ["-mod=readonly", "-modcacherw"];
  let downloaded = 0;
  const list = await run({
    argv: ["go", "list", ...common, "-deps", "-f", "{{.ImportPath}}", tool.pkg],
    cwd: tool.module,
    env,
    onLine: (line) =>
      line.startsWith("go: downloading") && progress.count(++downloaded, 0, "modules fetched"),
  });
  const total = list.trim().split("\n").length;
  let compiled = 0;
  await run({
    argv: [
      "go",
      "build",
      "-v",
      ...common,
      "-buildvcs=false",
      "-trimpath",
      "-ldflags",
      `-s -w ${tool.ldflags}`,
      "-o",
      out,
      tool.pkg,
    ],
    cwd: tool.module,
    env,
    onLine: (line) => !line.startsWith("go: ") && progress.count(++compiled, total, "packages"),
  });
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
