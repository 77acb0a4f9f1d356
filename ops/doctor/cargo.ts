import { shellWord } from "../../stacks/shell.ts";
import type { Evidence, Session, SettingLine } from "./evidence.ts";
import { type Cause, type Finding, place, whereSet } from "./finding.ts";
import { addLine, edit, here, linesSetting, onHost, startFile, unset, up } from "./mend.ts";

const symptom = "sccache";

/** Lines of cargo's own files: the user's, ours and the workspaces'. */
const cargoLines = (e: Evidence): SettingLine[] =>
  [...e.settings, ...e.workspaces.flatMap(({ lines }) => lines)].filter(({ file }) =>
    /(\.toml|\/config)$/.test(file),
  );

const ours = (e: Evidence): string => `${e.paths.bin}/rustc-wrapper`;

const notIncluded: Cause = (e) =>
  e.host.cargo.enabled &&
  e.host.cargo.config === "include" &&
  isApplied(e, "cargo") &&
  !e.facts.cargoConfig.includes
    ? [
        {
          ...({ id: "cargo-not-included", symptom, explains: ["cargo"] } as const),
          cause: "cargo does not read warmbox's settings: rustc is called without sccache",
          evidence: [`${e.facts.cargoConfig.path} has no line include = [{ path = "warmbox.toml", … }]`],
          mend: up(e),
        },
      ]
    : [];

const isApplied = (e: Evidence, resource: string): boolean => e.observed.ledgers[resource] !== undefined;

const noWrapper: Cause = (e) =>
  e.host.cargo.enabled && e.host.sccache.enabled && isApplied(e, "cargo") && !e.wrapper
    ? [
        {
          ...({ id: "rustc-wrapper-missing", symptom, explains: ["cargo"] } as const),
          cause: "the rustc-wrapper is not there, and cargo fails every build",
          evidence: [`${ours(e)} is missing or not executable`],
          mend: up(e),
        },
      ]
    : [];

const otherWrapper: Cause = (e) => [
  ...e.sessions.flatMap((session) =>
    ["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"].flatMap((name) => {
      const value = session.env[name];
      if (value === undefined || value === ours(e)) return [];
      return [wrapperFinding(whereSet(e, name, session, value), unset(e, name, [session]))];
    }),
  ),
  ...cargoLines(e)
    .filter(({ text, table }) => isKey("rustc-wrapper", "build", table, text) && !text.includes(ours(e)))
    .map((line) => wrapperFinding([place(line)], onHost(e, edit(e, [line], "s/^/# /")))),
];

const wrapperFinding = (evidence: string[], mend: string): Finding => ({
  ...{ id: "rustc-wrapper-other", symptom },
  cause: "another rustc-wrapper wins over ours, so that rustc does not go through this host's sccache",
  evidence,
  mend,
});

/** `key = …` in `[table]`, or `table.key = …` at the top. */
function isKey(key: string, table: string, at: string, text: string): boolean {
  return at === table ? text.startsWith(key) : at === "" && text.startsWith(`${table}.${key}`);
}

const incremental: Cause = (e) => [
  ...e.sessions.flatMap((session) =>
    ["CARGO_INCREMENTAL", "CARGO_BUILD_INCREMENTAL"].flatMap((name) => {
      const value = session.env[name];
      if (value !== "1" && value !== "true") return [];
      return [incrementalFinding(whereSet(e, name, session, value), unset(e, name, [session]))];
    }),
  ),
  ...cargoLines(e)
    .filter(({ text }) => /(^|[\s{.,])incremental\s*=\s*true/.test(text))
    .map((line) =>
      incrementalFinding(
        [place(line)],
        onHost(e, edit(e, [line], "s/incremental\\s*=\\s*true/incremental = false/")),
      ),
    ),
];

const incrementalFinding = (evidence: string[], mend: string): Finding => ({
  ...{ id: "incremental", symptom },
  cause: "incremental compilation is on, and sccache caches no incremental compilation",
  evidence,
  mend,
});

const remapped: Cause = (e) => [
  ...e.sessions.flatMap((session) =>
    ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"].flatMap((name) => {
      const value = session.env[name];
      return value?.includes("--remap-path-prefix")
        ? [remapFinding(whereSet(e, name, session, value), withoutRemap(e, name, session))]
        : [];
    }),
  ),
  ...cargoLines(e)
    .filter(
      ({ text }) =>
        text.includes("--remap-path-prefix") || /(^|[\s{.,])trim-paths\s*=\s*(?!false|"none")/.test(text),
    )
    .map((line) => remapFinding([place(line)], onHost(e, edit(e, [line], REMAP_OUT)))),
];

/** One flag goes, and whatever else the line says stays: the flag in a list of its own, as two words, within a text. */
const FLAG_OUT = String.raw`s/ *--remap-path-prefix[ =][^ ;\x22\x27]*//g`;
const REMAP_OUT = String.raw`{s/"--remap-path-prefix\(", *"\)\?[^"]*" *,\? *//g;${FLAG_OUT};s/trim-paths *= *\("[^"]*"\|true\|\[[^]]*\]\)/trim-paths = "none"/}`;

function withoutRemap(e: Evidence, name: string, session: Session): string {
  const lines = linesSetting(e, name).filter(({ text }) => text.includes("--remap-path-prefix"));
  const inherits = e.sessions.some(({ own, env }) => !own && env[name] === session.env[name]);
  return lines.length > 0 && inherits
    ? onHost(e, edit(e, lines, FLAG_OUT)) + here(e, `unset ${name}`)
    : unset(e, name, [session]);
}

const remapFinding = (evidence: string[], mend: string): Finding => ({
  ...{ id: "remapped-paths", symptom },
  cause:
    "a path is remapped in every rustc call, and the path is in sccache's key: no worktree hits for another",
  evidence,
  mend,
});

/** Variables of cargo that sccache leaves out of its key, or that a finding of their own speaks of. */
const HARMLESS =
  /^CARGO_(HOME|MAKEFLAGS|REGISTRIES_.*|REGISTRY_.*|BUILD_JOBS|ENCODED_RUSTFLAGS|BUILD_RUSTFLAGS|INCREMENTAL|BUILD_INCREMENTAL|BUILD_RUSTC_WRAPPER)$/;

/** Variables that differ between this host's sessions: each value has a cache of its own. */
const parted: Cause = (e) => {
  const names = new Set(
    e.sessions.flatMap(({ env }) => Object.keys(env).filter((name) => name.startsWith("CARGO_"))),
  );
  return [...names]
    .filter((name) => !HARMLESS.test(name))
    .flatMap((name) => {
      const having = e.sessions.filter(({ env }) => env[name] !== undefined);
      const [first] = having;
      const same =
        having.length === e.sessions.length && having.every(({ env }) => env[name] === first?.env[name]);
      if (first === undefined || (same && name !== "CARGO_TARGET_DIR")) return [];
      return [
        {
          ...({ id: "cargo-environment", symptom } as const),
          cause: `${name} is in sccache's key, and not every session has the same: what one stores, no other finds`,
          evidence: [...new Set(having.flatMap((s) => whereSet(e, name, s, s.env[name] ?? "")))],
          mend: unset(e, name, having),
        },
      ];
    });
};

const otherHome: Cause = (e) =>
  e.host.cargo.enabled
    ? e.sessions.flatMap((session) => {
        const home = session.env.CARGO_HOME ?? `${e.facts.user.home}/.cargo`;
        if (home.replace(/\/$/, "") === e.paths.cargoHome) return [];
        return [
          {
            ...({ id: "cargo-home", symptom: "cargo" } as const),
            cause: `this session's CARGO_HOME is not the shared ${e.paths.cargoHome}: another registry, other settings, and another key in sccache`,
            evidence: whereSet(e, "CARGO_HOME", session, session.env.CARGO_HOME ?? `(unset, so ${home})`),
            mend:
              session.env.CARGO_HOME === undefined
                ? exported(e, session, `export CARGO_HOME=${shellWord(e.paths.cargoHome)}`)
                : unset(e, "CARGO_HOME", [session]),
          },
        ];
      })
    : [];

const exported = (e: Evidence, session: Session, line: string): string =>
  session.own ? line : onHost(e, addLine(line, startFile(e, session))) + here(e, line);

/** Causes in what cargo and rustc are told. */
export const cargoCauses: readonly Cause[] = [
  ...[notIncluded, noWrapper, otherWrapper, incremental, remapped, parted, otherHome],
];
