import type { CachePlan } from "../../plan/cache-plan.ts";
import type { CargoConfig } from "../../stacks/types.ts";
import { merged, type Table, toml } from "../lib/toml.ts";

/** Tries of a download; cargo's own 3 is for one build, and here one registry hiccup hits many at once. */
const NET_RETRY = 5;

/** What cargo's settings depend on. */
export type CargoSettings = {
  plan: Pick<CachePlan, "builders">;
  cargo: Pick<CargoConfig, "settings">;
  /** Absolute path of our `rustc-wrapper`; undefined when sccache is off. */
  rustcWrapper: string | undefined;
};

const REASONS = {
  "build.rustc-wrapper": "sccache in front of rustc, and rustc alone when sccache breaks.",
  "build.incremental":
    "sccache caches no incremental compilation. Here and not in CARGO_INCREMENTAL: every CARGO_* variable is in sccache's key.",
  "build.jobs": "This agent's part of the plan: RAM and cores over the agents that build at once.",
  "net.retry": "Many builds download at once; one hiccup of a registry should fail none.",
};

/**
 * `$CARGO_HOME/warmbox.toml`, which the user's `config.toml` includes. The user's own keys win over it.
 * @see https://doc.rust-lang.org/cargo/reference/config.html
 */
export function cargoConfig(settings: CargoSettings): string {
  return `# Written by warmbox; \`pulumi up\` writes it again. Your own keys in config.toml win over these.\n${cargoBlock(settings)}`;
}

/** The same settings without the first line, for a marked block in `config.toml` (`cargo.config: inline`). */
export function cargoBlock(settings: CargoSettings): string {
  return toml(cargoTable(settings), REASONS);
}

/** Extended regular expression for lines that would clash with {@link cargoBlock}: TOML refuses a table written twice. */
export function cargoBlockClash(settings: CargoSettings): string {
  const names = Object.keys(cargoTable(settings)).join("|");
  return `^[[:space:]]*(\\[[[:space:]]*(${names})[[:space:]]*[].]|(${names})[[:space:]]*[.=])`;
}

function cargoTable({ plan, cargo, rustcWrapper }: CargoSettings): Table {
  const cached = rustcWrapper === undefined ? {} : { "rustc-wrapper": rustcWrapper, incremental: false };
  const base: Table = { build: { ...cached, jobs: plan.builders.jobs }, net: { retry: NET_RETRY } };
  return merged(base, cargo.settings);
}
