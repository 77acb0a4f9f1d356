/**
 * Makes a tool's binary present on this machine and says where it is. Looked for in this order: the project's
 * cache, WARMBOX_TOOLS_DIR, the vendor's release, the package registries. The first two take milliseconds.
 */
import { mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { isUserError, UserError } from "../stacks/errors.ts";
import type { ToolSource } from "../stacks/types.ts";
import { PINNED, sourceVersion, type ToolName } from "../stacks/versions.ts";
import { cacheDirectory, withLock } from "./base.mjs";
import { buildSccache } from "./build-cargo.ts";
import { buildGo, type GoTool } from "./build-go.ts";
import {
  type Arch,
  cachedPath,
  extraPath,
  lookUp,
  type ObtainedTool,
  store,
  thisArch,
  versionDir,
} from "./cache.ts";
import { moonBinary } from "./moon-npm.ts";
import { type Progress, startProgress } from "./progress.ts";
import { environment, run } from "./run.ts";
import { demandSum, fetchAsset, fetchFile, VENDOR_URL, vendorAsset } from "./vendor.ts";

/** How to obtain a tool; every field has a default. */
export type ObtainOptions = {
  /** Processor it is for. Default: this machine's. */
  arch?: Arch;
  /** Default: {kind: "auto"}, the pinned version from the first place that has it. */
  source?: ToolSource;
  /** Makes the progress of one step. Default: lines on standard error. */
  onProgress?: (label: string) => Progress;
  /** Where the vendors' releases are asked for. Default: VENDOR_URL. */
  vendorUrl?: string;
  /** The wrapper modules of tools built with Go. Default: those under tools/go. */
  goTools?: Partial<Record<ToolName, GoTool>>;
};

/** The project's folder. */
const ROOT = resolve(import.meta.dirname, "..");

const GO_TOOLS: Partial<Record<ToolName, GoTool>> = {
  "bazel-remote": {
    module: join(ROOT, "tools/go/bazel-remote"),
    pkg: "github.com/buchgr/bazel-remote/v2",
    ldflags: `-X main.gitTags=v${PINNED["bazel-remote"]}`, // what its /status shows as GitTags
  },
  versitygw: {
    module: join(ROOT, "tools/go/versitygw"),
    pkg: "github.com/versity/versitygw/cmd/versitygw",
    ldflags: `-X main.Version=v${PINNED.versitygw}`,
  },
};

/**
 * Makes the tool present and returns its path, version and sha256. Throws an Error whose text names every
 * way that was tried and the next step. Safe to interrupt; two at once make it once.
 */
export async function obtainTool(tool: ToolName, options: ObtainOptions = {}): Promise<ObtainedTool> {
  const arch = options.arch ?? thisArch();
  const source = options.source ?? { kind: "auto" };
  const version = sourceVersion(tool, source);
  const path = cachedPath(tool, version, arch);
  const present = async () => (await fromCache(path, version)) ?? (await fromExtra(tool, version, arch));
  const entry = await present();
  if (entry) return entry;
  const label = `${tool} ${versionDir(version, arch)}`;
  const start = options.onProgress ?? startProgress;
  const make = async () =>
    (await present()) ?? (await makeTool(tool, { ...options, arch, source }, path, start(label)));
  return await withLock(path, make, () =>
    process.stderr.write(`${label}: another warmbox is making it; waiting\n`),
  );
}

async function fromCache(path: string, version: string): Promise<ObtainedTool | null> {
  const entry = await lookUp(path);
  if (entry.is === "corrupt") process.stderr.write(`warmbox: ${path}: ${entry.why}; it is made again\n`);
  return entry.is === "good" ? { path, version, sha256: entry.sha256 } : null;
}

async function fromExtra(tool: ToolName, version: string, arch: Arch): Promise<ObtainedTool | null> {
  const path = extraPath(tool, version, arch);
  if (!path) return null;
  const entry = await lookUp(path, false);
  if (entry.is === "corrupt") {
    throw new UserError(
      "config",
      `${path} (WARMBOX_TOOLS_DIR): ${entry.why}. Next: put the right file there, or remove it`,
    );
  }
  return entry.is === "good" ? { path, version, sha256: entry.sha256 } : null;
}

type Request = ObtainOptions & { arch: Arch; source: ToolSource };

async function makeTool(
  tool: ToolName,
  request: Request,
  path: string,
  progress: Progress,
): Promise<ObtainedTool> {
  const version = sourceVersion(tool, request.source);
  const dir = join(cacheDirectory(), "build", `${tool}-${versionDir(version, request.arch)}`);
  const began = Date.now();
  await mkdir(dir, { recursive: true });
  try {
    const binary = await makeFrom(tool, request, dir, progress);
    // A binary from the stack file is for a host, and need not start here.
    if (request.arch === thisArch() && request.source.kind === "auto")
      await demandRuns(tool, binary.path, dir);
    const sha256 = await store(binary.path, path);
    // Kept until now so that an interrupted build continues.
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
    progress.end(`${binary.how} in ${Math.round((Date.now() - began) / 1000)} s`);
    return { path, version, sha256 };
  } catch (error) {
    progress.end("failed");
    throw error;
  }
}

type Binary = { path: string; how: string };

async function makeFrom(tool: ToolName, request: Request, dir: string, progress: Progress): Promise<Binary> {
  const { source } = request;
  switch (source.kind) {
    case "release": {
      const packed = /\.(tar\.gz|tgz)$/.test(new URL(source.url).pathname) ? "tar.gz" : "plain";
      return {
        path: await fetchFile(tool, { ...source, packed }, join(dir, "release"), progress),
        how: "downloaded",
      };
    }
    case "file":
      return { path: await ownFile(tool, source), how: "copied" };
    case "auto":
      return await makePinned(tool, request, dir, progress);
  }
}

/** A path in a stack file is relative to the project's folder. */
async function ownFile(tool: ToolName, { path, sha256 }: { path: string; sha256: string }): Promise<string> {
  const file = resolve(ROOT, path);
  await demandSum(file, sha256, `tools.${tool}.path ${file}`);
  return file;
}

async function makePinned(
  tool: ToolName,
  request: Request,
  dir: string,
  progress: Progress,
): Promise<Binary> {
  const tried: string[] = [];
  const asset = vendorAsset(tool, request.arch, request.vendorUrl ?? VENDOR_URL);
  if (asset) {
    try {
      return { path: await fetchAsset(tool, asset, join(dir, "vendor"), progress), how: "downloaded" };
    } catch (error) {
      tried.push(`release: ${(error as Error).message}`);
      // No internet is an ordinary state of affairs; a release with a wrong checksum is not.
      if (!isUserError(error, "unreachable"))
        process.stderr.write(`warmbox: ${tried[0]}; trying the registry\n`);
    }
  }
  try {
    return await fromRegistry(tool, request, dir, progress);
  } catch (error) {
    tried.push(`registry: ${(error as Error).message}`);
    const next = `Next: put a binary into the stack file: tools.${tool}: {kind: release, url: URL, sha256: SHA256}`;
    throw new UserError(
      "missing",
      `${tool} ${PINNED[tool]} for ${request.arch} cannot be obtained.\n${tried.join("\n")}\n${next}`,
    );
  }
}

async function fromRegistry(
  tool: ToolName,
  request: Request,
  dir: string,
  progress: Progress,
): Promise<Binary> {
  if (tool === "moon") return { path: await moonBinary(ROOT, request.arch, dir), how: "taken from npm" };
  if (tool === "sccache") {
    if (request.arch !== thisArch())
      throw new UserError("missing", `sccache is not built for ${request.arch} on ${thisArch()}`);
    return { path: await buildSccache(dir, progress), how: "built" };
  }
  const goTool = request.goTools?.[tool] ?? GO_TOOLS[tool];
  if (!goTool) throw new Error(`there is no Go module for ${tool}`);
  const out = join(dir, tool);
  await buildGo(goTool, request.arch, out, dir, progress);
  return { path: out, how: "built" };
}

/** A binary that does not start here (wrong libc, cut short) must not get into the cache. */
async function demandRuns(tool: ToolName, path: string, cwd: string): Promise<void> {
  const env = environment(/^(SCCACHE|RUSTC|BAZEL_REMOTE|MOON)_/, {});
  const help = await run({ argv: [path, "--help"], cwd, env });
  if (tool !== "sccache") return;
  for (const store of ["S3", "GCS"]) {
    if (!new RegExp(`\\b${store}:\\s+true`).test(help))
      throw new UserError("failed", `${path} is built without ${store}`);
  }
}
