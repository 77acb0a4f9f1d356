import type { z } from "zod";
import { boolean, directory, doc, integer, object, oneOf, settings } from "./fields.ts";

const LINK = "https://doc.rust-lang.org/cargo/reference/config.html";
const INCREMENTAL = "remove it: sccache does not cache incremental compilations";

function refusedSetting(path: string, value: unknown): string | undefined {
  if (path === "build.rustc-wrapper" || path === "build.rustc-workspace-wrapper")
    return "remove it, or write sccache.enabled: false";
  if (path === "build.jobs") return "write cargo.jobs";
  if (path === "include") return "remove it: put that line into your own config.toml";
  if (path === "build.incremental" || /^profile\..*\.incremental$/.test(path))
    return value === false ? undefined : INCREMENTAL;
  if (/^env\.CARGO_/.test(path))
    return "use the config key in its place: every CARGO_* variable is in sccache's key";
  return undefined;
}

const SECRET_NEXT =
  "run `cargo login --registry NAME` on the host, which keeps it in its credentials.toml; a proxy's password goes into HTTPS_PROXY there";

/** Largest `jobs` that is taken; beyond it the number is a typing error. */
const MAX_JOBS = 1024;

/** Tier 3 and the cargo side of tier 1. */
export const cargoSchema = object({
  enabled: doc(boolean().default(true), {
    description: "Tier 3: one CARGO_HOME for all builds, with warmbox's settings in it.",
  }),
  config: doc(oneOf(["include", "inline"]).default("include"), {
    description:
      "`include`: our own `warmbox.toml` and one line in the user's `config.toml` (cargo ≥ 1.94). `inline`: a marked block in `config.toml`, for older toolchains.",
    link: `${LINK}#including-extra-configuration-files`,
  }),
  home: doc(directory().exactOptional(), {
    description: "CARGO_HOME that all builds share. Its path is in sccache's key.",
    computed: "CARGO_HOME of the host's user, else `.cargo`",
    link: "https://doc.rust-lang.org/cargo/guide/cargo-home.html",
  }),
  jobs: doc(integer("jobs", 1, MAX_JOBS).exactOptional(), {
    description: "rustc processes that one cargo runs at once (`build.jobs`).",
    unit: "jobs",
    computed: "the plan's: RAM and cores over the active agents",
    link: `${LINK}#buildjobs`,
  }),
  settings: doc(settings(refusedSetting, SECRET_NEXT).prefault({}), {
    description:
      "More cargo configuration, in its spelling, merged last: `net.retry`, `registries.…`, `source.…`",
    link: LINK,
  }),
});

/** @see cargoSchema */
export type CargoConfig = z.output<typeof cargoSchema>;
