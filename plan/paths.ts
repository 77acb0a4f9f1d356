import { type ScopePaths, scopePaths } from "../host/paths.ts";
import type { HostConfig } from "../stacks/types.ts";

/** Where everything of warmbox is on one host; absolute paths. */
export type HostPaths = ScopePaths & {
  /** HOME of the host's user. */
  home: string;
  /** warmbox's programs: `rustc-wrapper`, `warmbox-run`. */
  bin: string;
  /** Wrappers that `warmbox-run` puts before the real programs on PATH: `moon`. */
  wrappers: string;
  /** Run scripts of the `process` service kind. */
  run: string;
  /** The one CARGO_HOME of all builds. */
  cargoHome: string;
};

/**
 * Paths of a host.
 * @param cargoHome CARGO_HOME as probed; `cargo.home` of the stack wins
 */
export function hostPaths(
  host: Pick<HostConfig, "scope" | "cargo">,
  home: string,
  cargoHome: string,
): HostPaths {
  const paths = scopePaths(host.scope, home);
  return {
    ...paths,
    home,
    cargoHome: below(home, host.cargo.home ?? cargoHome),
    bin: `${paths.share}/bin`,
    wrappers: `${paths.share}/front`,
    run: `${paths.share}/run`,
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
