import type { HostConfig } from "../stacks/types.ts";

/** Where everything of ours lies on one host; absolute paths. */
export type HostPaths = {
  /** HOME of the host's user. */
  home: string;
  /** The library, run scripts, tools and our programs. */
  share: string;
  /** Our programs: `rustc-wrapper`, `warmbox-run`. */
  bin: string;
  /** Directory of local programs that PATH has in most sessions; `warmbox-run` is linked there. */
  programs: string;
  /** Fronts that `warmbox-run` puts before the real programs on PATH: `moon`. */
  front: string;
  /** Tickets of builds that wait for their turn; of all users of the host in system scope. */
  queue: string;
  /** Run scripts of the `process` service kind. */
  run: string;
  /** Ledgers. */
  state: string;
  /** Logs of the `process` service kind. */
  log: string;
  /** Our own configuration: the environment of moon, the S3 credentials. */
  config: string;
  /** Unit files. */
  units: string;
  sccacheConfig: string;
  bazelRemoteConfig: string;
  /** The one CARGO_HOME of all builds. */
  cargoHome: string;
};

/**
 * Paths of a host. User scope stays below HOME (XDG's default places, which the tools use themselves);
 * system scope uses the FHS places of local software.
 * @param cargoHome CARGO_HOME as probed; `cargo.home` of the stack wins
 */
export function hostPaths(
  host: Pick<HostConfig, "scope" | "cargo">,
  home: string,
  cargoHome: string,
): HostPaths {
  const shared = { home, cargoHome: below(home, host.cargo.home ?? cargoHome) };
  if (host.scope === "system") {
    const share = "/usr/local/share/warmbox";
    return {
      ...shared,
      share,
      bin: `${share}/bin`,
      programs: "/usr/local/bin",
      front: `${share}/front`,
      queue: "/var/cache/warmbox-queue",
      run: `${share}/run`,
      state: "/var/lib/warmbox",
      log: "/var/log/warmbox",
      config: "/etc/warmbox",
      units: "/etc/systemd/system",
      sccacheConfig: "/etc/warmbox/sccache.toml",
      bazelRemoteConfig: "/etc/warmbox/bazel-remote.yaml",
    };
  }
  const share = `${home}/.local/share/warmbox`;
  const state = `${home}/.local/state/warmbox`;
  return {
    ...shared,
    share,
    bin: `${share}/bin`,
    programs: `${home}/.local/bin`,
    front: `${share}/front`,
    queue: `${share}/queue`,
    run: `${share}/run`,
    state,
    log: `${state}/log`,
    config: `${home}/.config/warmbox`,
    units: `${home}/.config/systemd/user`,
    sccacheConfig: `${home}/.config/sccache/config`,
    bazelRemoteConfig: `${home}/.config/bazel-remote/config.yaml`,
  };
}

/** A path of the stack file made absolute: a relative one starts at the home directory. */
export function below(home: string, path: string): string {
  return path.startsWith("/") ? path : `${home}/${path}`;
}

/** A path as scripts write it: relative below HOME where it lies there, so that a script reads the same for every user. */
export function scriptPath(paths: HostPaths, path: string): string {
  return path.startsWith(`${paths.home}/`) ? path.slice(paths.home.length + 1) : path;
}
