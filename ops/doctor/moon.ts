import { grpcUrl } from "../../render/moon/moon-env.ts";
import { shellWord } from "../../stacks/shell.ts";
import { judge } from "../../stacks/versions.ts";
import { type Cause, place, type Sighting, whereSet } from "./cause.ts";
import type { Evidence, Session } from "./evidence.ts";
import { addLine, edit, localSuffix, onHost, startFile, unset } from "./fix.ts";

const symptom = "moon";
const MODES = ["off", "read", "read-write", "write"];

const isOn = ({ host }: Evidence): boolean => host.moon.enabled && host["bazel-remote"].enabled;
const envFile = ({ paths }: Evidence): string => `${paths.config}/env`;
/** Sources the environment that warmbox wrote. */
const sourceEnv = (evidence: Evidence): string => `. ${shellWord(envFile(evidence))}`;
/** MOON_REMOTE_HOST as the stack says. */
const remoteHost = ({ host }: Evidence): string => grpcUrl(host["bazel-remote"]);

/** Sightings of a variable in each session whose value `isWrong`. */
function inSessions(
  evidence: Evidence,
  name: string,
  isWrong: (value: string) => boolean,
  causeOf?: (value: string) => string,
): Sighting[] {
  return evidence.sessions.flatMap((session) => {
    const value = session.env[name];
    if (value === undefined || !isWrong(value)) return [];
    return [
      {
        ...(causeOf === undefined ? {} : { cause: causeOf(value) }),
        evidence: whereSet(evidence, name, session, value),
        fix: unset(evidence, name, [session]) + localSuffix(evidence, sourceEnv(evidence)),
      },
    ];
  });
}

/** Sightings in files of the workspaces' `.moon`, each changed by a sed command. */
const inWorkspaces = (evidence: Evidence, pattern: RegExp, change: string): Sighting[] =>
  evidence.workspaces
    .flatMap(({ lines }) => lines)
    .filter(({ file, text }) => file.includes("/.moon/") && pattern.test(text))
    .map((line) => ({ evidence: [place(line)], fix: onHost(evidence, edit(evidence, [line], change)) }));

/** True for an address that moon drops without a terminal. @see https://github.com/moonrepo/moon/pull/2413 */
const isLocal = (address: string): boolean => /localhost|0\.0\.0\.0/.test(address);

const localhost: Cause = {
  id: "moon-localhost",
  symptom,
  cause:
    "moon switches its remote cache off for an address with localhost or 0.0.0.0 where it has no terminal: agents, CI, SSH",
  fix: "renames the variable where it is set, or writes 127.0.0.1",
  find: (evidence) => [
    ...inSessions(evidence, "MOON_REMOTE_HOST", isLocal),
    ...inWorkspaces(evidence, /^host: .*(localhost|0\.0\.0\.0)/, "s#//[^:]*:#//127.0.0.1:#").map(
      (sighting) => ({
        ...sighting,
        cause:
          "moon switches its remote cache off for such an address where it has no terminal, and it is in every task's hash",
      }),
    ),
  ],
};

const unknownMode: Cause = {
  id: "moon-cache-word",
  symptom,
  cause: "moon does not know the value of MOON_CACHE and silently takes it for read-write",
  fix: "renames the variable where it is set",
  find: (evidence) =>
    inSessions(
      evidence,
      "MOON_CACHE",
      (value) => !MODES.includes(value.toLowerCase()),
      (value) =>
        `moon does not know MOON_CACHE=${value} and silently takes it for read-write; it has ${MODES.join(", ")}`,
    ),
};

const otherMode: Cause = {
  id: "moon-cache-mode",
  symptom,
  cause: "MOON_CACHE of a session differs from moon.cache of the stack",
  fix: "renames the variable where it is set",
  find: (evidence) => {
    const { cache } = evidence.host.moon;
    const isOther = (value: string) =>
      MODES.includes(value.toLowerCase()) && value.toLowerCase() !== cache && isOn(evidence);
    return inSessions(
      evidence,
      "MOON_CACHE",
      isOther,
      (value) => `MOON_CACHE is ${value.toLowerCase()} here, and ${cache} in the stack`,
    );
  },
};

const forced: Cause = {
  id: "moon-force",
  symptom,
  cause: "MOON_FORCE makes every moon run all tasks and overwrite their cached results",
  fix: "renames the variable where it is set",
  find: (evidence) =>
    evidence.sessions.flatMap((session) => {
      const value = session.env.MOON_FORCE;
      if (!value || value === "false") return [];
      const fix = unset(evidence, "MOON_FORCE", [session]);
      return [{ evidence: whereSet(evidence, "MOON_FORCE", session, value), fix }];
    }),
};

const noEnvironment: Cause = {
  id: "moon-environment",
  symptom,
  explains: ["moon"],
  cause: "moon has no remote cache in a kind of session, because it does not read warmbox's env file",
  fix: "adds the line that reads it to the session's start file",
  find: (evidence) =>
    evidence.sessions
      .filter(({ isCaller, env }) => isOn(evidence) && !isCaller && env.MOON_REMOTE_HOST === undefined)
      .map((session) => ({
        cause: `moon has no remote cache in such a session, because it does not read ${envFile(evidence)}`,
        evidence: [`${session.name}: MOON_REMOTE_HOST is not set${loginFileNote(session)}`],
        fix: onHost(evidence, addLine(sourceEnv(evidence), startFile(evidence, session))),
      })),
};

/** bash reads only the first of its login files. */
const loginFileNote = ({ name }: Session): string =>
  name.includes("bash -l") ? " (bash reads ~/.bash_profile or ~/.bash_login in place of ~/.profile)" : "";

const otherHost: Cause = {
  id: "moon-other-host",
  symptom,
  cause: "MOON_REMOTE_HOST of a session is not this host's cache, or is empty",
  fix: "renames the variable where it is set",
  find: (evidence) =>
    inSessions(
      evidence,
      "MOON_REMOTE_HOST",
      (value) => isOn(evidence) && !isLocal(value) && value !== remoteHost(evidence),
      (value) =>
        `moon's remote cache is ${value === "" ? "switched off" : "another one"} here; this host's is ${remoteHost(evidence)}`,
    ),
};

const unstableRemote: Cause = {
  id: "moon-unstable-remote",
  symptom,
  cause: "unstable_remote is not a key of moon 2: every moon command ends with an error",
  fix: "renames the key to `remote`",
  find: (evidence) => inWorkspaces(evidence, /^unstable_remote:/, "s/unstable_remote/remote/"),
};

/** States of `git status` in which a file is only in this checkout, in words. */
const LOCAL_STATES: Readonly<Record<string, string>> = { "??": "untracked", "!!": "ignored by git" };

const hashedFile: Cause = {
  id: "moon-hashed-file",
  symptom,
  cause:
    "every file of that kind in .moon is in every task's hash, and this one is not as committed: no other checkout has these hashes",
  fix: "renames the file to NAME.off if it is untracked, else stashes its change",
  find: (evidence) =>
    evidence.workspaces.flatMap(({ path, git, hashed }) =>
      hashed
        .filter(({ state, file }) => git && state !== "==" && !hasRemoteBlock(evidence, path, file))
        .map(({ state, file }) => {
          const name = shellWord(`${path}/${file}`);
          const command =
            state in LOCAL_STATES
              ? `mv -b ${name} ${shellWord(`${path}/${file}.off`)}`
              : `git -C ${shellWord(path)} stash push -- ${shellWord(file)}`;
          const evidenceLine = `${path}/${file}: ${LOCAL_STATES[state] ?? "changed"}`;
          return { evidence: [evidenceLine], fix: onHost(evidence, command) };
        }),
    ),
};

/** The stack declares that change itself. */
const hasRemoteBlock = ({ host }: Evidence, path: string, file: string): boolean =>
  file === ".moon/workspace.yml" &&
  host.moon.workspaces.some(
    (workspace) => workspace.remote_block && (path === workspace.path || path.endsWith(`/${workspace.path}`)),
  );

const badVersion: Cause = {
  id: "moon-version",
  symptom,
  cause: "a moon on this host does not work with bazel-remote",
  fix: "renames that moon to moon.old",
  find: (evidence) =>
    Object.entries(evidence.moons).flatMap(([path, version]) => {
      const judgement = judge("moon", version, { s3: false });
      if (!isOn(evidence) || version === null || judgement.verdict !== "bad") return [];
      return [
        {
          cause: `a moon on this host does not work with bazel-remote: ${judgement.reason}`,
          evidence: [`${path}: moon ${version}`],
          fix: onHost(evidence, `mv -b ${shellWord(path)} ${shellWord(`${path}.old`)}`),
        },
      ];
    }),
};

const noGit: Cause = {
  id: "moon-no-git",
  symptom,
  cause: "without a git repository moon caches nothing",
  fix: "makes a repository with one commit",
  find: (evidence) =>
    evidence.workspaces
      .filter(({ exists, git }) => exists && !git)
      .map(({ path }) => ({
        evidence: [`${path} is in no git repository`],
        fix: onHost(evidence, `cd ${shellWord(path)} && git init && git add -A && git commit -qm start`),
      })),
};

/** Causes in moon's settings, and in the files that it hashes. */
export const moonCauses: readonly Cause[] = [
  ...[localhost, unknownMode, otherMode, forced, noEnvironment, otherHost, unstableRemote],
  ...[hashedFile, badVersion, noGit],
];
