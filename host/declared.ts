import { bytes } from "../stacks/bytes.ts";
import { ConfigError, type Issue, keyPath } from "../stacks/issue.ts";
import type { DeclaredFacts } from "../stacks/types.ts";
import type { DeclaredHost, Disk, HostFacts, PartialDisk, PartialFacts } from "./types.ts";

/**
 * Complete facts: those that the stack declares, else those that the host reported. No fact that sizes depend on is guessed.
 *
 * @throws ConfigError naming the key that declares each missing fact
 */
export function settledFacts(probed: PartialFacts, host: DeclaredHost): HostFacts {
  const issues: Issue[] = [];
  const needed = <T>(value: T | undefined, keys: string[], subject: string, example: string): T => {
    if (value === undefined) issues.push(missing(host.name, keys, subject, example));
    return value as T;
  };
  const facts = merged(probed, host.facts ?? {});
  const home = needed(facts.user.home, ["user", "home"], "the home directory of the host's user", "/home/ci");
  const disk = (name: "sccache" | "bazel-remote"): Disk => {
    const from = facts.disks[name];
    return settledDisk(from, home, host.dirs?.[name] ?? `.cache/${name}`, {
      total: needed(from.total, ["disks", name, "total"], `the size of the volume of ${name}`, "500GiB"),
      free: needed(from.free, ["disks", name, "free"], `what is free on the volume of ${name}`, "400GiB"),
    });
  };
  const settled: HostFacts = {
    libc: "unknown",
    memLimit: null,
    cpuQuota: null,
    openFiles: null,
    systemd: NO_SYSTEMD,
    docker: null,
    tools: {
      sccache: null,
      "bazel-remote": null,
      moon: null,
      cargo: null,
    },
    cargoHome: `${home}/.cargo`,
    cargoConfig: { path: "", includes: false, conflicts: [] },
    ports: [],
    ...facts,
    arch: needed(facts.arch, ["arch"], "the processor architecture, x86_64 or aarch64", "x86_64"),
    memTotal: needed(facts.memTotal, ["memTotal"], "the host's RAM", "16GiB"),
    cpus: needed(facts.cpus, ["cpus"], "the number of processors that may be used", "8"),
    user: { uid: 1000, gid: 1000, name: home?.split("/").at(-1) || "unknown", ...facts.user, home },
    disks: {
      sccache: disk("sccache"),
      "bazel-remote": disk("bazel-remote"),
    },
  };
  if (issues.length > 0) throw new ConfigError(issues);
  return settled;
}

const NO_SYSTEMD: HostFacts["systemd"] = { pid1: false, linger: false };

/** Where declared facts are given they win, down to single keys of groups. */
function merged(probed: PartialFacts, declared: DeclaredFacts): PartialFacts {
  const { disks, user, systemd, ...rest } = declared;
  return {
    ...probed,
    ...rest,
    user: { ...probed.user, ...user },
    systemd: { ...NO_SYSTEMD, ...probed.systemd, ...systemd },
    disks: {
      sccache: { ...probed.disks.sccache, ...disks?.sccache },
      "bazel-remote": { ...probed.disks["bazel-remote"], ...disks?.["bazel-remote"] },
    },
  };
}

function settledDisk(
  probed: PartialDisk,
  home: string,
  fallback: string,
  size: Pick<Disk, "total" | "free">,
): Disk {
  const path = probed.path ?? fallback;
  return {
    mount: "/",
    device: "unknown",
    fs: "unknown",
    held: bytes(0),
    applied: null,
    ...probed,
    ...size,
    path: path.startsWith("/") ? path : `${home}/${path}`,
  };
}

function missing(name: string, keys: string[], subject: string, example: string): Issue {
  const path = keyPath(["hosts", name, "facts", ...keys]);
  return {
    path,
    got: "nothing: the host did not report it",
    expected: subject,
    next: `declare it: pulumi config set --path '${path}' ${example}`,
  };
}
