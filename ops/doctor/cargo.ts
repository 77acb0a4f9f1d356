import { shellWord } from "../../stacks/shell.ts";
import { type Cause, place, type Sighting, whereSet } from "./cause.ts";
import type { Evidence, Session, SettingLine } from "./evidence.ts";
import { addLine, edit, linesSetting, localSuffix, onHost, startFile, unset, up } from "./fix.ts";

const symptom = "sccache";

/** Lines of cargo's own files: the user's, warmbox's and the workspaces'. */
const cargoLines = ({ settings, workspaces }: Evidence): SettingLine[] =>
  [...settings, ...workspaces.flatMap(({ lines }) => lines)].filter(({ file }) =>
    /(\.toml|\/config)$/.test(file),
  );

/** Sightings of a variable in each session whose value `isWrong`. */
function inSessions(
  evidence: Evidence,
  names: readonly string[],
  isWrong: (value: string) => boolean,
  fixOf = (name: string, session: Session) => unset(evidence, name, [session]),
): Sighting[] {
  return evidence.sessions.flatMap((session) =>
    names.flatMap((name) => {
      const value = session.env[name];
      if (value === undefined || !isWrong(value)) return [];
      return [{ evidence: whereSet(evidence, name, session, value), fix: fixOf(name, session) }];
    }),
  );
}

/** Sightings in cargo's files, each changed by the same sed command. */
const inFiles = (evidence: Evidence, isWrong: (line: SettingLine) => boolean, change: string): Sighting[] =>
  cargoLines(evidence)
    .filter(isWrong)
    .map((line) => ({ evidence: [place(line)], fix: onHost(evidence, edit(evidence, [line], change)) }));

const wrapperOf = ({ paths }: Evidence): string => `${paths.bin}/rustc-wrapper`;

const isApplied = ({ observed }: Evidence): boolean => observed.ledgers.cargo !== undefined;

const notIncluded: Cause = {
  id: "cargo-not-included",
  symptom,
  explains: ["cargo"],
  cause: "cargo does not read warmbox's settings, so it calls rustc without sccache",
  fix: "includes them in cargo's configuration file again",
  find: (evidence) => {
    const { cargo } = evidence.host;
    const { includes, path } = evidence.facts.cargoConfig;
    if (!cargo.enabled || cargo.config !== "include" || !isApplied(evidence) || includes) return [];
    return [
      { evidence: [`${path} has no line include = [{ path = "warmbox.toml", … }]`], fix: up(evidence) },
    ];
  },
};

const noWrapper: Cause = {
  id: "rustc-wrapper-missing",
  symptom,
  explains: ["cargo"],
  cause: "the rustc-wrapper is missing, and every build of cargo fails",
  fix: "writes it again",
  find: (evidence) => {
    const { cargo, sccache } = evidence.host;
    if (!cargo.enabled || !sccache.enabled || !isApplied(evidence) || evidence.wrapper) return [];
    return [{ evidence: [`${wrapperOf(evidence)} is missing or not executable`], fix: up(evidence) }];
  },
};

const otherWrapper: Cause = {
  id: "rustc-wrapper-other",
  symptom,
  cause: "another rustc-wrapper overrides warmbox's, so rustc does not go through this host's sccache",
  fix: "renames the variable where it is set, or comments the line out",
  find: (evidence) => {
    const wrapper = wrapperOf(evidence);
    const variables = ["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"];
    return [
      ...inSessions(evidence, variables, (value) => value !== wrapper),
      ...inFiles(evidence, (line) => setsWrapper(line) && !line.text.includes(wrapper), "s/^/# /"),
    ];
  },
};

/** `rustc-wrapper = …` in `[build]`, or `build.rustc-wrapper = …` at the top. */
const setsWrapper = ({ table, text }: SettingLine): boolean =>
  table === "build"
    ? text.startsWith("rustc-wrapper")
    : table === "" && text.startsWith("build.rustc-wrapper");

const incremental: Cause = {
  id: "incremental",
  symptom,
  cause: "incremental compilation is on, and sccache caches no incremental compilation",
  fix: "renames the variable where it is set, or writes `incremental = false`",
  find: (evidence) => [
    ...inSessions(
      evidence,
      ["CARGO_INCREMENTAL", "CARGO_BUILD_INCREMENTAL"],
      (value) => value === "1" || value === "true",
    ),
    ...inFiles(
      evidence,
      ({ text }) => /(^|[\s{.,])incremental\s*=\s*true/.test(text),
      "s/incremental\\s*=\\s*true/incremental = false/",
    ),
  ],
};

/** Removes one flag and keeps the rest of the line: the flag alone in a list, as two words, within a text. */
const REMOVE_FLAG = String.raw`s/ *--remap-path-prefix[ =][^ ;\x22\x27]*//g`;
const REMOVE_REMAP = String.raw`{s/"--remap-path-prefix\(", *"\)\?[^"]*" *,\? *//g;${REMOVE_FLAG};s/trim-paths *= *\("[^"]*"\|true\|\[[^]]*\]\)/trim-paths = "none"/}`;

const remapped: Cause = {
  id: "remapped-paths",
  symptom,
  cause:
    "every rustc call remaps a path, and the path is in sccache's key: no worktree gets hits from another",
  fix: "removes the flag, and keeps the rest of the line",
  find: (evidence) => [
    ...inSessions(
      evidence,
      ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"],
      (value) => value.includes("--remap-path-prefix"),
      (name, session) => removeRemap(evidence, name, session),
    ),
    ...inFiles(
      evidence,
      ({ text }) =>
        text.includes("--remap-path-prefix") || /(^|[\s{.,])trim-paths\s*=\s*(?!false|"none")/.test(text),
      REMOVE_REMAP,
    ),
  ],
};

function removeRemap(evidence: Evidence, name: string, session: Session): string {
  const lines = linesSetting(evidence, name).filter(({ text }) => text.includes("--remap-path-prefix"));
  const isInherited = evidence.sessions.some(
    ({ isCaller, env }) => !isCaller && env[name] === session.env[name],
  );
  return lines.length > 0 && isInherited
    ? onHost(evidence, edit(evidence, lines, REMOVE_FLAG)) + localSuffix(evidence, `unset ${name}`)
    : unset(evidence, name, [session]);
}

/** Variables of cargo that sccache leaves out of its key, or that another cause covers. */
const HARMLESS =
  /^CARGO_(HOME|MAKEFLAGS|REGISTRIES_.*|REGISTRY_.*|BUILD_JOBS|ENCODED_RUSTFLAGS|BUILD_RUSTFLAGS|INCREMENTAL|BUILD_INCREMENTAL|BUILD_RUSTC_WRAPPER)$/;

const differentEnvironments: Cause = {
  id: "cargo-environment",
  symptom,
  cause: "a CARGO_ variable is in sccache's key and differs between sessions: what one stores, no other hits",
  fix: "renames the variable where it is set",
  find: (evidence) => {
    const { sessions } = evidence;
    const names = new Set(
      sessions.flatMap(({ env }) => Object.keys(env)).filter((name) => name.startsWith("CARGO_")),
    );
    return [...names]
      .filter((name) => !HARMLESS.test(name) && (name === "CARGO_TARGET_DIR" || differs(sessions, name)))
      .map((name) => {
        const setting = sessions.filter(({ env }) => env[name] !== undefined);
        return {
          cause: `${name} is in sccache's key, and not every session has the same: what one stores, no other hits`,
          evidence: [...new Set(setting.flatMap((s) => whereSet(evidence, name, s, s.env[name] ?? "")))],
          fix: unset(evidence, name, setting),
        };
      });
  },
};

const differs = (sessions: readonly Session[], name: string): boolean =>
  new Set(sessions.map(({ env }) => env[name])).size > 1;

const otherHome: Cause = {
  id: "cargo-home",
  symptom: "cargo",
  cause:
    "a session's CARGO_HOME is not the shared one: another registry, other settings, and another key in sccache",
  fix: "sets the shared one in the session's start file, or renames the variable where it is set",
  find: (evidence) => {
    const { host, facts, paths } = evidence;
    if (!host.cargo.enabled) return [];
    return evidence.sessions.flatMap((session) => {
      const { CARGO_HOME: value } = session.env;
      const home = value ?? `${facts.user.home}/.cargo`;
      if (home.replace(/\/$/, "") === paths.cargoHome) return [];
      return [
        {
          cause: `this session's CARGO_HOME is not the shared ${paths.cargoHome}: another registry, other settings, and another key in sccache`,
          evidence: whereSet(evidence, "CARGO_HOME", session, value ?? `(unset, so ${home})`),
          fix:
            value === undefined
              ? addToSession(evidence, session, `export CARGO_HOME=${shellWord(paths.cargoHome)}`)
              : unset(evidence, "CARGO_HOME", [session]),
        },
      ];
    });
  },
};

const addToSession = (evidence: Evidence, session: Session, line: string): string =>
  session.isCaller
    ? line
    : onHost(evidence, addLine(line, startFile(evidence, session))) + localSuffix(evidence, line);

/** Causes in the settings of cargo and rustc. */
export const cargoCauses: readonly Cause[] = [
  ...[notIncluded, noWrapper, otherWrapper, incremental, remapped, differentEnvironments, otherHome],
];
