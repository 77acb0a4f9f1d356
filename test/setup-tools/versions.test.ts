import { describe, expect, it } from "vitest";
import { chooseTools, pushedPath, type ToolFacts, type ToolRequest } from "../../plan/tools.ts";
import { judge, PINNED, VERSION_RULES } from "../../stacks/versions.ts";

const sha256 = "ab".repeat(32);

describe("judge", () => {
  const cases: [Parameters<typeof judge>[0], string | null, boolean, string, string][] = [
    [
      "sccache",
      "0.19.0",
      true,
      "good",
      "sccache 0.19.0: run with warmbox, with and without S3 (https://github.com/mozilla/sccache/releases/tag/v0.19.0)",
    ],
    [
      "sccache",
      "0.16.0",
      true,
      "bad",
      "sccache 0.16.0: its server does not start while S3 is unreachable, and then every compile fails (https://github.com/mozilla/sccache/issues/2818)",
    ],
    [
      "sccache",
      "0.16.0",
      false,
      "bad",
      "sccache 0.16.0: it restores .d files that name another worktree, so cargo rebuilds for ever once that one is gone (https://github.com/mozilla/sccache/pull/2894)",
    ],
    [
      "sccache",
      "0.4.0~pre6",
      false,
      "bad",
      "sccache 0.4.0~pre6: it restores .d files that name another worktree, so cargo rebuilds for ever once that one is gone (https://github.com/mozilla/sccache/pull/2894)",
    ],
    [
      "sccache",
      "0.19.0-rc.1",
      false,
      "bad",
      "sccache 0.19.0-rc.1: it restores .d files that name another worktree, so cargo rebuilds for ever once that one is gone (https://github.com/mozilla/sccache/pull/2894)",
    ],
    [
      "sccache",
      "0.20.0",
      true,
      "unknown",
      "sccache 0.20.0 has not been run with warmbox, which was made with 0.19.0",
    ],
    ["sccache", null, false, "unknown", "sccache does not say which version it is"],
    [
      "bazel-remote",
      "2.5.2",
      false,
      "bad",
      "bazel-remote 2.5.2: it evicts inside the write, so uploads to a full cache stall (https://github.com/buchgr/bazel-remote/pull/838)",
    ],
    [
      "bazel-remote",
      "v2.6.1",
      false,
      "bad",
      "bazel-remote v2.6.1: it goes on announcing a blob whose file is gone, so clients never store it again (https://github.com/buchgr/bazel-remote/issues/893)",
    ],
    [
      "bazel-remote",
      "v2.6.2",
      false,
      "good",
      "bazel-remote v2.6.2: run with warmbox (https://github.com/buchgr/bazel-remote/releases/tag/v2.6.2)",
    ],
    [
      "bazel-remote",
      "2.7.0",
      false,
      "unknown",
      "bazel-remote 2.7.0 has not been run with warmbox, which was made with 2.6.2",
    ],
    ["bazel-remote", "devel", false, "unknown", "bazel-remote does not say which version it is (devel)"],
    [
      "moon",
      "1.41.7",
      false,
      "bad",
      "moon 1.41.7: it knows the remote cache only as unstable_remote, which later versions refuse (https://moonrepo.dev/docs/migrate/2.0)",
    ],
    [
      "moon",
      "2.0.4",
      false,
      "bad",
      "moon 2.0.4: two projects on one managed toolchain deadlock on its lock file (https://github.com/moonrepo/moon/issues/2524)",
    ],
    [
      "moon",
      "2.3.3",
      false,
      "bad",
      "moon 2.3.3: it uploads nothing to the remote cache (https://github.com/moonrepo/moon/issues/2576)",
    ],
    [
      "moon",
      "2.4.3",
      false,
      "bad",
      "moon 2.4.3: its gRPC uploads over 4 MiB fail as 'Remote service is out of storage space' (https://github.com/moonrepo/moon/issues/2625)",
    ],
    [
      "moon",
      "2.5.1",
      false,
      "bad",
      "moon 2.5.1: it silently drops uploads that take longer than 60 s after the last task (https://github.com/moonrepo/moon/issues/2675)",
    ],
    [
      "moon",
      "2.5.5",
      false,
      "good",
      "moon 2.5.5: 2.5.5 was run with warmbox, 2.5.2 to 2.5.4 carry the same remote cache (https://github.com/moonrepo/moon/releases)",
    ],
    [
      "moon",
      "2.6.0",
      false,
      "unknown",
      "moon 2.6.0 has not been run with warmbox, which was made with 2.5.5",
    ],
  ];
  it.each(cases)("%s %s (S3: %s) is %s", (tool, version, s3, verdict, reason) => {
    expect(judge(tool, version, { s3 })).toEqual({ verdict, reason });
  });

  it("calls every pinned version good, with and without S3", () => {
    for (const tool of Object.keys(VERSION_RULES) as (keyof typeof VERSION_RULES)[]) {
      for (const s3 of [true, false]) expect(judge(tool, PINNED[tool], { s3 }).verdict, tool).toBe("good");
    }
  });
});

const none: ToolFacts["tools"] = {
  sccache: null,
  "bazel-remote": null,
  moon: null,
  cargo: null,
};

function facts(tools: Partial<ToolFacts["tools"]> = {}, more: Partial<ToolFacts> = {}): ToolFacts {
  const user = { name: "ann", uid: 1000, gid: 1000, home: "/home/ann" };
  return { arch: "x86_64", libc: "glibc", user, ...more, tools: { ...none, ...tools } };
}

function wishes(
  tools: Partial<ToolRequest["tools"]> = {},
  scope: ToolRequest["scope"] = "user",
): ToolRequest {
  const auto = { kind: "auto" as const };
  return { scope, tools: { sccache: auto, "bazel-remote": auto, moon: auto, ...tools } };
}

describe("chooseTools", () => {
  const sccache = (f: ToolFacts, w = wishes(), s3 = false) => chooseTools(f, w, { s3 }).sccache;

  it("an installed known-good one is used as it is", () => {
    const chosen = sccache(facts({ sccache: { path: "/usr/bin/sccache", version: "0.19.0" } }));
    expect(chosen).toMatchObject({ kind: "use", path: "/usr/bin/sccache" });
  });

  it("a missing one is pushed", () => {
    expect(chooseTools(facts(), wishes(), { s3: false })).toEqual({
      sccache: {
        kind: "push",
        path: ".local/share/warmbox/tools/sccache/0.19.0/sccache",
        pushed: { tool: "sccache", version: "0.19.0", source: { kind: "auto" } },
        reason: "sccache is not installed",
      },
      "bazel-remote": expect.objectContaining({ kind: "push", reason: "bazel-remote is not installed" }),
      moon: expect.objectContaining({ kind: "push", reason: "moon is not installed" }),
    });
  });

  it("a known-bad one is named with its reason, and warmbox's is pushed", () => {
    expect(
      sccache(facts({ sccache: { path: "/usr/bin/sccache", version: "0.16.0" } }), wishes(), true),
    ).toMatchObject({
      kind: "push",
      reason:
        "/usr/bin/sccache is not used: sccache 0.16.0: its server does not start while S3 is unreachable, and then every " +
        "compile fails (https://github.com/mozilla/sccache/issues/2818)",
    });
  });

  const unusable: [string, ToolFacts["tools"]["sccache"], ToolRequest["scope"], string][] = [
    [
      "warmbox's, so that it stays",
      { path: "/home/ann/.local/share/warmbox/tools/sccache/0.19.0/sccache", version: "0.19.0" },
      "user",
      "/home/ann/.local/share/warmbox/tools/sccache/0.19.0/sccache is warmbox's own",
    ],
    [
      "a shim",
      { path: "/home/ann/.asdf/shims/sccache", version: "0.19.0" },
      "user",
      "/home/ann/.asdf/shims/sccache is not used: what a shim starts depends on the folder it runs in",
    ],
    [
      "a user's file in system scope",
      { path: "/home/ann/.cargo/bin/sccache", version: "0.19.0" },
      "system",
      "/home/ann/.cargo/bin/sccache is not used: the service's own user cannot rely on /home/ann",
    ],
    [
      "another name",
      { path: "/usr/bin/sccache-0.19", version: "0.19.0" },
      "user",
      "/usr/bin/sccache-0.19 is not used: sccache works only under the name sccache",
    ],
    [
      "an unknown version",
      { path: "/usr/bin/sccache", version: "0.21.0" },
      "user",
      "/usr/bin/sccache is not used: sccache 0.21.0 has not been run with warmbox, which was made with 0.19.0",
    ],
  ];
  it.each(unusable)("not used: %s", (_, installed, scope, reason) => {
    expect(sccache(facts({ sccache: installed }), wishes({}, scope))).toMatchObject({ kind: "push", reason });
  });

  it("a binary of the stack's own wins over what is installed; its version is its checksum", () => {
    const file = { kind: "file" as const, path: "/opt/sccache", sha256 };
    const installed = facts({ sccache: { path: "/usr/bin/sccache", version: "0.19.0" } });
    expect(sccache(installed, wishes({ sccache: file }))).toEqual({
      kind: "push",
      path: ".local/share/warmbox/tools/sccache/sha256-abababababababab/sccache",
      pushed: { tool: "sccache", version: "sha256-abababababababab", source: file },
      reason: "tools.sccache.path names it",
    });
  });

  const base = "https://example.org/releases";
  const refused: [string, string, Partial<ToolFacts>, string][] = [
    [
      "a known-bad version",
      `${base}/sccache-v0.16.0-x86_64-unknown-linux-musl.tar.gz`,
      {},
      `tools.sccache.url: ${base}/sccache-v0.16.0-x86_64-unknown-linux-musl.tar.gz: sccache 0.16.0: it restores .d files that name another worktree, so cargo rebuilds for ever once that one is gone (https://github.com/mozilla/sccache/pull/2894). Name 0.19.0 or set kind: auto`,
    ],
    [
      "another processor",
      `${base}/sccache-v0.19.0-x86_64-unknown-linux-musl.tar.gz`,
      { arch: "aarch64" },
      `tools.sccache.url: ${base}/sccache-v0.19.0-x86_64-unknown-linux-musl.tar.gz is for x86_64, the host is aarch64. Name its aarch64 file`,
    ],
  ];
  it.each(refused)("refused: a release of %s", (_, url, more, reason) => {
    const release = wishes({ sccache: { kind: "release", url, sha256 } });
    expect(sccache(facts({}, more), release)).toEqual({ kind: "refuse", reason });
  });

  it("on a musl host: bazel-remote is static and pushed, the others are refused with the next step", () => {
    const chosen = chooseTools(facts({}, { libc: "musl" }), wishes(), { s3: false });
    expect(chosen["bazel-remote"].kind).toBe("push");
    expect(chosen.sccache).toEqual({
      kind: "refuse",
      reason:
        "sccache is not installed, and the sccache that warmbox has needs glibc, which this host lacks (musl). Set tools.sccache: " +
        "{kind: release, url: https://github.com/mozilla/sccache/releases/download/v0.19.0/sccache-v0.19.0-x86_64-unknown-linux-musl.tar.gz, sha256: SHA256}",
    });
    expect(chosen.moon).toEqual({
      kind: "refuse",
      reason:
        "moon is not installed, and the moon that warmbox has needs glibc, which this host lacks (musl). Unpack https://github.com/moonrepo/" +
        "moon/releases/download/v2.5.5/moon_cli-x86_64-unknown-linux-musl.tar.xz and set tools.moon: {kind: file, path: PATH, sha256: SHA256}",
    });
  });

  it("system scope has its own root", () => {
    expect(pushedPath("system", "moon", "2.5.5")).toBe("/usr/local/lib/warmbox/tools/moon/2.5.5/moon");
  });
});
