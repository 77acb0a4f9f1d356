/** Builds a tool from its Go module: a small wrapper module under tools/go pins it and every dependency by go.sum. */
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../stacks/errors.ts";
import { isOlder } from "../stacks/versions.ts";
import type { Arch } from "./cache.ts";
import type { Progress } from "./progress.ts";
import { environment, run } from "./run.ts";
import { GO_ARCH } from "./vendor.ts";
import { GO_VERSION } from "./versions.ts";

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
  const settings = { GOWORK: "off", CGO_ENABLED: "0", GOOS: "linux", GOARCH: GO_ARCH[arch] };
  const env = environment(/^(GOOS|GOARCH|GOAMD64|GOARM64|GOEXPERIMENT|GOBIN)$/, settings);
  await useCaches(tool, env, dir);
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

/** A user who has Go's caches, or names some, shares them; one who has none gets no ~/go and no ~/.cache/go-build from us. */
async function useCaches(tool: GoTool, env: NodeJS.ProcessEnv, dir: string): Promise<void> {
  const argv = ["go", "env", "GOVERSION", "GOMODCACHE", "GOCACHE"] as const;
  const [version = "", modules = "", builds = ""] = (await run({ argv, cwd: tool.module, env })).split("\n");
  await demandGoVersion(tool, version);
  if (!env.GOMODCACHE && !(await exists(modules))) env.GOMODCACHE = join(dir, "go-mod");
  if (!env.GOCACHE && !(await exists(builds))) env.GOCACHE = join(dir, "go-build");
}

/** Throws where the `go` on PATH is older than the module asks for. `version` is as `go env GOVERSION` has it. */
async function demandGoVersion(tool: GoTool, version: string): Promise<void> {
  const minimum = /^go (\S+)/m.exec(await readFile(join(tool.module, "go.mod"), "utf8"))?.[1] ?? "";
  const installed = version.replace(/^go/, "");
  if (!isOlder(installed, minimum, false)) return;
  throw new UserError(
    "missing",
    `go on PATH is ${installed}, needed is ${GO_VERSION} or newer. Next: install it, https://go.dev/dl/`,
  );
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
