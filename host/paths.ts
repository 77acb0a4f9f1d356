import type { HostConfig } from "../stacks/types.ts";

/** One scope's places on a host. */
export type ScopePaths = typeof USER;

/**
 * User scope stays below HOME, written `~`: XDG's default directories, which the tools use themselves. System scope
 * uses the FHS directories of local software.
 */
const USER = {
  /** The library, run scripts and warmbox's programs. */
  share: "~/.local/share/warmbox",
  /** Uploaded tools, as `TOOL/VERSION/TOOL`. */
  tools: "~/.local/share/warmbox/tools",
  /** Directory of local programs that PATH has in most sessions; `warmbox-run` is linked there. */
  programs: "~/.local/bin",
  /** Tickets of builds that wait for their turn; of all users of the host in system scope. */
  queue: "~/.local/share/warmbox/queue",
  /** Ledgers. */
  state: "~/.local/state/warmbox",
  /** Logs of the `process` service kind. */
  log: "~/.local/state/warmbox/log",
  /** warmbox's own configuration: the environment of moon, the S3 credentials. */
  config: "~/.config/warmbox",
  /** Unit files. */
  units: "~/.config/systemd/user",
  sccacheConfig: "~/.config/sccache/config",
  bazelRemoteConfig: "~/.config/bazel-remote/config.yaml",
};

/** Where warmbox's files are on a host, in each scope. The only place that spells these paths. */
export const SCOPE_PATHS: Record<HostConfig["scope"], ScopePaths> = {
  user: USER,
  system: {
    share: "/usr/local/share/warmbox",
    tools: "/usr/local/lib/warmbox/tools",
    programs: "/usr/local/bin",
    queue: "/var/cache/warmbox-queue",
    state: "/var/lib/warmbox",
    log: "/var/log/warmbox",
    config: "/etc/warmbox",
    units: "/etc/systemd/system",
    sccacheConfig: "/etc/warmbox/sccache.toml",
    bazelRemoteConfig: "/etc/warmbox/bazel-remote.yaml",
  },
};

/** The same paths with `home` for `~`; `$HOME` makes words of a shell script of them. */
export function scopePaths(scope: HostConfig["scope"], home: string): ScopePaths {
  const paths = Object.entries(SCOPE_PATHS[scope]).map(([name, path]) => [
    name,
    path.replace(/^~/, () => home),
  ]);
  return Object.fromEntries(paths) as ScopePaths;
}

/** host/scripts/lib/paths.sh: the table as a shell function, for every script that needs a path. */
export function pathsScript(): string {
  const lines = (scope: HostConfig["scope"]) =>
    Object.entries(scopePaths(scope, "$HOME"))
      .map(
        ([name, path]) =>
          `    path_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}=${path}\n`,
      )
      .join("");
  return `# --- paths: where warmbox's files are on a host. Written from host/paths.ts; its test keeps both the same.

# Sets path_NAME for the scope in WARMBOX_SCOPE; HOME is an absolute path.
host_paths() {
  # shellcheck disable=SC2034 # each script uses some of them
  if [ "\${WARMBOX_SCOPE:-user}" = system ]; then
${lines("system")}  else
${lines("user")}  fi
}
`;
}
