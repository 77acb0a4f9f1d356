import { coerce, gte, lt, parse, type SemVer } from "semver";
import type { ToolSource } from "./schema/tools.ts";

/**
 * Which versions of the tools warmbox sets up, and what is known of the others. Pure data and the one
 * function that reads it, `judge`. A new finding is a new line here, with the place it was learnt from.
 */

/** A tool that warmbox obtains. `versitygw` is the S3 server of the tests and of the embedded S3 kind. */
export type ToolName = "sccache" | "bazel-remote" | "moon" | "versitygw";

/** A tool that lives on hosts, so one that may be found there already. */
export type HostTool = Exclude<ToolName, "versitygw">;

/** The one version of each tool that warmbox installs. */
export const PINNED: Readonly<Record<ToolName, string>> = {
  sccache: "0.19.0",
  "bazel-remote": "2.6.2",
  moon: "2.5.5",
  versitygw: "1.8.0",
};

/**
 * The image of bazel-remote's container: its authors' own, v2.6.2, both architectures, by the digest of its index. The
 * digest is as other public projects pin it; an image that is not it is refused by docker.
 * @see https://hub.docker.com/r/buchgr/bazel-remote-cache
 */
export const BAZEL_REMOTE_IMAGE =
  "buchgr/bazel-remote-cache@sha256:8109f1f39eb17d898cf51e08b41e4eabaaaeb1f584c2f22c1be45b7568fcc512";

/** Storage backends sccache is built with: its default set pulls in eight more that no stack can name. */
export const SCCACHE_FEATURES: readonly string[] = ["s3", "gcs"];

/**
 * A span of versions with one verdict. `from` is inclusive, `before` exclusive; either may be left out.
 * `only: "s3"` limits the rule to hosts that share their caches over S3.
 */
export type VersionRule = {
  readonly from?: string;
  readonly before?: string;
  readonly only?: "s3";
  readonly verdict: "good" | "bad";
  readonly reason: string;
  readonly link: string;
};

/** The first rule that matches decides, so the narrower ones come first. */
export const VERSION_RULES: Readonly<Record<HostTool, readonly VersionRule[]>> = {
  sccache: [
    {
      before: "0.19.0",
      only: "s3",
      verdict: "bad",
      reason: "its server does not start while S3 is unreachable, and then every compile fails",
      link: "https://github.com/mozilla/sccache/issues/2818",
    },
    {
      before: "0.19.0",
      verdict: "bad",
      reason:
        "it restores .d files that name another worktree, so cargo rebuilds for ever once that one is gone",
      link: "https://github.com/mozilla/sccache/pull/2894",
    },
    {
      from: "0.19.0",
      before: "0.19.1",
      verdict: "good",
      reason: "run with warmbox, with and without S3",
      link: "https://github.com/mozilla/sccache/releases/tag/v0.19.0",
    },
  ],
  "bazel-remote": [
    {
      before: "2.6.0",
      verdict: "bad",
      reason: "it evicts inside the write, so uploads to a full cache stall",
      link: "https://github.com/buchgr/bazel-remote/pull/838",
    },
    {
      from: "2.6.0",
      before: "2.6.2",
      verdict: "bad",
      reason: "it goes on announcing a blob whose file is gone, so clients never store it again",
      link: "https://github.com/buchgr/bazel-remote/issues/893",
    },
    {
      from: "2.6.2",
      before: "2.6.3",
      verdict: "good",
      reason: "run with warmbox",
      link: "https://github.com/buchgr/bazel-remote/releases/tag/v2.6.2",
    },
  ],
  moon: [
    {
      before: "2.0.0",
      verdict: "bad",
      reason: "it knows the remote cache only as unstable_remote, which later versions refuse",
      link: "https://moonrepo.dev/docs/migrate/2.0",
    },
    {
      from: "2.0.0",
      before: "2.2.5",
      verdict: "bad",
      reason: "two projects on one managed toolchain deadlock on its lock file",
      link: "https://github.com/moonrepo/moon/issues/2524",
    },
    {
      from: "2.3.0",
      before: "2.4.0",
      verdict: "bad",
      reason: "it uploads nothing to the remote cache",
      link: "https://github.com/moonrepo/moon/issues/2576",
    },
    {
      from: "2.4.0",
      before: "2.4.4",
      verdict: "bad",
      reason: "its gRPC uploads over 4 MiB fail as 'Remote service is out of storage space'",
      link: "https://github.com/moonrepo/moon/issues/2625",
    },
    {
      before: "2.5.2",
      verdict: "bad",
      reason: "it silently drops uploads that take longer than 60 s after the last task",
      link: "https://github.com/moonrepo/moon/issues/2675",
    },
    {
      from: "2.5.2",
      before: "2.5.6",
      verdict: "good",
      reason: "2.5.5 was run with warmbox, 2.5.2 to 2.5.4 carry the same remote cache",
      link: "https://github.com/moonrepo/moon/releases",
    },
  ],
};

/** What is known of one version; `reason` is a sentence for people and ends in a link where there is one. */
export type Judgement = { verdict: "good" | "bad" | "unknown"; reason: string };

/** Where the judgement depends on the host: whether its caches are shared over S3. */
export type JudgeOptions = { s3: boolean };

/** Judges one version of a tool. `version` may be null or free text, e.g. a tool that has no --version. */
export function judge(tool: HostTool, version: string | null, { s3 }: JudgeOptions): Judgement {
  const parsed = parseVersion(version ?? "");
  if (version === null || parsed === null) {
    return {
      verdict: "unknown",
      reason: `${tool} does not say which version it is${version ? ` (${version})` : ""}`,
    };
  }
  const rule = VERSION_RULES[tool].find((r) => (r.only !== "s3" || s3) && within(parsed, r));
  if (!rule) {
    const reason = `${tool} ${version} has not been run with warmbox, which was made with ${PINNED[tool]}`;
    return { verdict: "unknown", reason };
  }
  return { verdict: rule.verdict, reason: `${tool} ${version}: ${rule.reason} (${rule.link})` };
}

/**
 * A version as semver orders it; null for a text that is none. `0.4.0~pre6` and `2.0.0-rc.1` come before their release,
 * a distribution's `-4` is dropped, and a missing last number is 0, as in Go's versions.
 */
export function parseVersion(text: string): SemVer | null {
  const match = /^v?(\d+\.\d+(?:\.\d+)?)[-~.]?((?:alpha|beta|rc|pre|dev|nightly|canary)[\w.-]*)?/i.exec(
    text.trim(),
  );
  const release = coerce(match?.[1]);
  return release && parse(match?.[2] ? `${release}-${match[2]}` : release.version, { loose: true });
}

/** Whether a version comes before another; `unknown` is the answer for a text that is no version. */
export function isOlder(version: string, bound: string, unknown: boolean): boolean {
  const [parsedVersion, parsedBound] = [parseVersion(version), parseVersion(bound)];
  return parsedVersion && parsedBound ? lt(parsedVersion, parsedBound) : unknown;
}

function within(version: SemVer, { from, before }: VersionRule): boolean {
  return (from === undefined || gte(version, from)) && (before === undefined || lt(version, before));
}

/** The version word of a source: the pinned version, or the checksum where the stack brings its own binary. */
export function sourceVersion(tool: keyof typeof PINNED, source: ToolSource): string {
  return source.kind === "auto" ? PINNED[tool] : `sha256-${source.sha256.slice(0, 16)}`;
}
