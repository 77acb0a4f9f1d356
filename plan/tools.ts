/**
 * For each tool of a host: use the installed one, upload warmbox's, or say why neither is usable. Pure: the probe reports
 * the installed ones, and versions.ts has the verdict on their versions.
 */

import { type PushedTool, toolsRoot } from "../host/pushed-tools.ts";
import type { HostFacts } from "../host/types.ts";
import type { HostConfig, ToolSource } from "../stacks/types.ts";
import {
  type HostTool,
  type JudgeOptions,
  judge,
  PINNED,
  sourceVersion,
  type ToolName,
} from "../stacks/versions.ts";

/**
 * The decision on one tool. `path` is absolute, or relative to HOME on the host. `reason` is for people; `passedOver`
 * says it of an installed one that is known to be bad, which its owner should hear of.
 */
export type ToolChoice =
  | { kind: "use"; path: string; reason: string }
  | { kind: "push"; path: string; pushed: PushedTool; reason: string; passedOver?: string }
  | { kind: "refuse"; reason: string };

/** What `chooseTools` must know of the machine and of its stack entry. */
export type ToolFacts = Pick<HostFacts, "arch" | "libc" | "tools" | "user">;
/** @see ToolFacts */
export type ToolRequest = Pick<HostConfig, "tools" | "scope">;

/** The tools that hosts get, in the order they are obtained. */
export const HOST_TOOLS: readonly HostTool[] = ["sccache", "bazel-remote", "moon"];

/** Decides on every host tool; the caller leaves out those its stack does not enable. */
export function chooseTools(
  facts: ToolFacts,
  request: ToolRequest,
  options: JudgeOptions,
): Record<HostTool, ToolChoice> {
  const choose = (tool: HostTool) => chooseTool(tool, facts, request, options);
  return { sccache: choose("sccache"), "bazel-remote": choose("bazel-remote"), moon: choose("moon") };
}

function chooseTool(
  tool: HostTool,
  facts: ToolFacts,
  request: ToolRequest,
  options: JudgeOptions,
): ToolChoice {
  const source = request.tools[tool];
  if (source.kind !== "auto") return chooseOwn(tool, source, facts, request, options);
  const installed = facts.tools[tool];
  const against = installed ? objection(tool, installed.path, facts, request) : `${tool} is not installed`;
  const judged = judge(tool, installed?.version ?? null, options);
  if (installed && against === null && judged.verdict === "good") {
    return { kind: "use", path: installed.path, reason: judged.reason };
  }
  const reason = against ?? `${installed?.path} is not used: ${judged.reason}`;
  if (facts.libc === "musl" && tool !== "bazel-remote")
    return { kind: "refuse", reason: muslRefusal(tool, facts, reason) };
  const bad = installed && against === null && judged.verdict === "bad";
  return { ...push(tool, source, request, reason), ...(bad ? { passedOver: reason } : {}) };
}

/** The S3 server of the embedded kind: always uploaded, as no host has one of that name already. */
export function pushedS3Server(scope: HostConfig["scope"]): Extract<ToolChoice, { kind: "push" }> {
  return push("versitygw", { kind: "auto" }, { scope }, "the embedded S3 server");
}

function push(
  tool: ToolName,
  source: ToolSource,
  request: Pick<ToolRequest, "scope">,
  reason: string,
): Extract<ToolChoice, { kind: "push" }> {
  const version = sourceVersion(tool, source);
  return {
    kind: "push",
    path: pushedPath(request.scope, tool, version),
    pushed: { tool, version, source },
    reason,
  };
}

/** Path of an uploaded tool: relative to HOME in user scope, absolute in system scope. */
export function pushedPath(scope: HostConfig["scope"], tool: ToolName, version: string): string {
  return `${toolsRoot(scope)}/${tool}/${version}/${tool}`;
}

/** Why an installed file cannot be used whatever its version; null if it can. */
function objection(tool: HostTool, path: string, facts: ToolFacts, { scope }: ToolRequest): string | null {
  if (path.includes("/warmbox/tools/")) return `${path} is warmbox's own`;
  if (path.includes("/shims/"))
    return `${path} is not used: what a shim starts depends on the folder it runs in`;
  if (scope === "system" && path.startsWith(`${facts.user.home}/`)) {
    return `${path} is not used: the service's own user cannot rely on ${facts.user.home}`;
  }
  if (tool === "sccache" && !path.endsWith("/sccache")) {
    return `${path} is not used: sccache works only under the name sccache`;
  }
  return null;
}

/** A binary from the stack file is taken as it is, but for what its address already says. */
function chooseOwn(
  tool: HostTool,
  source: Exclude<ToolSource, { kind: "auto" }>,
  facts: ToolFacts,
  request: ToolRequest,
  options: JudgeOptions,
): ToolChoice {
  const place = source.kind === "release" ? source.url : source.path;
  const key = `tools.${tool}.${source.kind === "release" ? "url" : "path"}`;
  const version = /\d+\.\d+\.\d+/.exec(place.slice(place.lastIndexOf("/")))?.[0] ?? null;
  const judged = judge(tool, version, options);
  const arch = archWord(place);
  if (version !== null && judged.verdict === "bad") {
    return {
      kind: "refuse",
      reason: `${key}: ${place}: ${judged.reason}. Name ${PINNED[tool]} or set kind: auto`,
    };
  }
  if (arch !== null && arch !== facts.arch) {
    return {
      kind: "refuse",
      reason: `${key}: ${place} is for ${arch}, the host is ${facts.arch}. Name its ${facts.arch} file`,
    };
  }
  return push(tool, source, request, `${key} names it`);
}

function archWord(place: string): ToolFacts["arch"] | null {
  const fileName = place.slice(place.lastIndexOf("/"));
  if (/x86_64|amd64|[-_.]x64/.test(fileName)) return "x86_64";
  return /aarch64|arm64/.test(fileName) ? "aarch64" : null;
}

function muslRefusal(tool: "sccache" | "moon", { arch }: ToolFacts, why: string): string {
  const version = PINNED[tool];
  const sccache = `https://github.com/mozilla/sccache/releases/download/v${version}/sccache-v${version}-${arch}-unknown-linux-musl.tar.gz`;
  const moon = `https://github.com/moonrepo/moon/releases/download/v${version}/moon_cli-${arch}-unknown-linux-musl.tar.xz`;
  const next =
    tool === "sccache"
      ? `Set tools.sccache: {kind: release, url: ${sccache}, sha256: SHA256}`
      : `Unpack ${moon} and set tools.moon: {kind: file, path: PATH, sha256: SHA256}`;
  return `${why}, and the ${tool} that warmbox has needs glibc, which this host lacks (musl). ${next}`;
}
