import type { HostFacts } from "../host/types.ts";
import { type Issue, keyPath } from "../stacks/issue.ts";
import { dirClash } from "../stacks/schema/host.ts";
import type { HostConfig } from "../stacks/types.ts";
import { isOlder } from "../stacks/versions.ts";
import type { HostPaths } from "./paths.ts";
import type { ServiceKind } from "./service-kind.ts";

/** What the checks below look at: one host as its stack declares it, and as it is. */
export type CheckedHost = {
  readonly name: string;
  readonly host: HostConfig;
  readonly facts: HostFacts;
  readonly paths: HostPaths;
  readonly kind: ServiceKind;
};

/** What the stack's file alone does not show to be wrong, but the machine does. */
export function hostIssues(checked: CheckedHost): Issue[] {
  const faults = [oldCargo(checked), rootsCompiler(checked), mixedDirs(checked)];
  return faults.filter((fault) => fault !== undefined);
}

/** What is known before this machine is asked. @param uid user id of this process */
export function localIssues(name: string, host: HostConfig, uid: number | undefined): Issue[] {
  if (host.scope !== "system" || host.reach.kind !== "local" || uid === undefined || uid === 0) return [];
  return [
    {
      path: keyPath(["hosts", name, "scope"]),
      got: `system, on this machine as user ${uid}`,
      expected: "user, or system with root on this machine",
      next: "write scope: user, or reach: {kind: ssh, host: localhost, sudo: true}",
    },
  ];
}

/**
 * The first cargo that reads `include` of its configuration.
 * @see https://doc.rust-lang.org/cargo/reference/config.html#including-extra-configuration-files
 */
const FIRST_INCLUDE = "1.94.0";

function oldCargo({ name, host, facts }: CheckedHost): Issue | undefined {
  const { cargo } = facts.tools;
  if (!host.cargo.enabled || host.cargo.config !== "include") return undefined;
  if (cargo?.version == null || !isOlder(cargo.version, FIRST_INCLUDE, false)) return undefined;
  return {
    path: keyPath(["hosts", name, "cargo", "config"]),
    got: `include, and ${cargo.path} there is ${cargo.version}`,
    expected: `include with cargo ${FIRST_INCLUDE} or newer, for an older one does not read it and every tier would be off; else inline`,
    next: "write cargo.config: inline, or bring that cargo up to date (rustup update)",
  };
}

function rootsCompiler({ name, host, facts, kind }: CheckedHost): Issue | undefined {
  if (kind !== "systemd-system" || !host.sccache.enabled || facts.user.name !== "root") return undefined;
  const login =
    host.reach.kind === "ssh" ? "log in as the user who builds and write reach.sudo: true, or " : "";
  return {
    path: keyPath(["hosts", name, "scope"]),
    got: "system, and root is the user who builds",
    expected:
      "another user who builds: any account of the machine could run programs as root through root's sccache",
    next: `${login}name that user in facts.user.name, or write sccache.enabled: false`,
  };
}

/** The same that the schema asks of the directories, now that the home directory is known. */
function mixedDirs({ name, host, facts, paths }: CheckedHost): Issue | undefined {
  if (!host["bazel-remote"].enabled) return undefined;
  const { path } = facts.disks["bazel-remote"];
  const clash = dirClash(path, [
    ["sccache.dir", facts.disks.sccache.path],
    ["CARGO_HOME", paths.cargoHome],
    ["warmbox's own folder", paths.share],
    ["its ledgers' folder", paths.state],
    ["its settings' folder", paths.config],
  ]);
  return clash && { path: keyPath(["hosts", name, "bazel-remote", "dir"]), got: path, ...clash };
}
