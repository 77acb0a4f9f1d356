import { grpcUrl } from "../../render/moon/moon-env.ts";
import { shellWord } from "../../stacks/shell.ts";
import { judge } from "../../stacks/versions.ts";
import type { Evidence, Session } from "./evidence.ts";
import { type Cause, place, whereSet } from "./finding.ts";
import { addLine, edit, here, onHost, startFile, unset } from "./mend.ts";

const symptom = "moon";
const MODES = ["off", "read", "read-write", "write"];

const isOn = (e: Evidence): boolean => e.host.moon.enabled && e.host["bazel-remote"].enabled;
const envFile = (e: Evidence): string => `${e.paths.config}/env`;
/** How a session reads what it should have. */
const read = (e: Evidence): string => `. ${shellWord(envFile(e))}`;
/** What a session's variable should be, from the stack. */
const wanted = (e: Evidence): string => grpcUrl(e.host["bazel-remote"]);

/** True for an address that moon drops where no terminal is. @see https://github.com/moonrepo/moon/pull/2413 */
const isLocal = (address: string): boolean => /localhost|0\.0\.0\.0/.test(address);

const localhost: Cause = (e) => [
  ...e.sessions.flatMap((session) => {
    const value = session.env.MOON_REMOTE_HOST ?? "";
    if (!isLocal(value)) return [];
    return [
      {
        ...({ id: "moon-localhost", symptom } as const),
        cause:
          "moon switches its remote cache off for such an address where it has no terminal: agents, CI, SSH",
        evidence: whereSet(e, "MOON_REMOTE_HOST", session, value),
        mend: unset(e, "MOON_REMOTE_HOST", [session]) + here(e, read(e)),
      },
    ];
  }),
  ...workspaceLines(e, /^host: .*(localhost|0\.0\.0\.0)/).map((line) => ({
    ...({ id: "moon-localhost", symptom } as const),
    cause:
      "moon switches its remote cache off for such an address where it has no terminal, and it is in every task's hash",
    evidence: [place(line)],
    mend: onHost(e, edit(e, [line], "s#//[^:]*:#//127.0.0.1:#")),
  })),
];

const workspaceLines = (e: Evidence, pattern: RegExp) =>
  e.workspaces.flatMap(({ lines }) =>
    lines.filter(({ file, text }) => file.includes("/.moon/") && pattern.test(text)),
  );

const modeWord: Cause = (e) =>
  e.sessions.flatMap((session) => {
    const value = session.env.MOON_CACHE;
    if (value === undefined || MODES.includes(value.toLowerCase())) return [];
    return [
      {
        ...({ id: "moon-cache-word", symptom } as const),
        cause: `moon does not know MOON_CACHE=${value} and takes it for read-write without a word; it has ${MODES.join(", ")}`,
        evidence: whereSet(e, "MOON_CACHE", session, value),
        mend: unset(e, "MOON_CACHE", [session]) + here(e, read(e)),
      },
    ];
  });

const mode: Cause = (e) =>
  e.sessions.flatMap((session) => {
    const value = session.env.MOON_CACHE?.toLowerCase();
    if (!isOn(e) || value === undefined || !MODES.includes(value) || value === e.host.moon.cache) return [];
    return [
      {
        ...({ id: "moon-cache-mode", symptom } as const),
        cause: `MOON_CACHE is ${value} here, and ${e.host.moon.cache} in the stack`,
        evidence: whereSet(e, "MOON_CACHE", session, value),
        mend: unset(e, "MOON_CACHE", [session]) + here(e, read(e)),
      },
    ];
  });

const forced: Cause = (e) =>
  e.sessions.flatMap((session) => {
    const value = session.env.MOON_FORCE;
    if (!value || value === "false") return [];
    return [
      {
        ...({ id: "moon-force", symptom } as const),
        cause: "MOON_FORCE makes every moon run everything and overwrite what is stored",
        evidence: whereSet(e, "MOON_FORCE", session, value),
        mend: unset(e, "MOON_FORCE", [session]),
      },
    ];
  });

const notSet: Cause = (e) =>
  e.sessions
    .filter(({ own, env }) => isOn(e) && !own && env.MOON_REMOTE_HOST === undefined)
    .map((session) => ({
      ...({ id: "moon-environment", symptom, explains: ["moon"] } as const),
      cause: `moon has no remote cache in such a session: it does not read ${envFile(e)}`,
      evidence: [`${session.name}: MOON_REMOTE_HOST is not set${instead(session)}`],
      mend: onHost(e, addLine(read(e), startFile(e, session))),
    }));

/** Only the first of its login files is read by bash. */
const instead = ({ name }: Session): string =>
  name.includes("bash -l") ? " (bash reads ~/.bash_profile or ~/.bash_login in place of ~/.profile)" : "";

const elsewhere: Cause = (e) =>
  e.sessions.flatMap((session) => {
    const value = session.env.MOON_REMOTE_HOST;
    if (!isOn(e) || value === undefined || isLocal(value) || value === wanted(e)) return [];
    return [
      {
        ...({ id: "moon-other-host", symptom } as const),
        cause: `moon's remote cache is ${value === "" ? "switched off" : "another one"} here; this host's is ${wanted(e)}`,
        evidence: whereSet(e, "MOON_REMOTE_HOST", session, value),
        mend: unset(e, "MOON_REMOTE_HOST", [session]) + here(e, read(e)),
      },
    ];
  });

const oldKey: Cause = (e) =>
  workspaceLines(e, /^unstable_remote:/).map((line) => ({
    ...({ id: "moon-unstable-remote", symptom } as const),
    cause: "unstable_remote is not a key of moon 2: every moon command ends with an error",
    evidence: [place(line)],
    mend: onHost(e, edit(e, [line], "s/unstable_remote/remote/")),
  }));

/** Git's words for a file that other checkouts do not have as it is here. */
const OWN: Record<string, string> = { "??": "untracked", "!!": "ignored by git" };

const hashedFiles: Cause = (e) =>
  e.workspaces.flatMap(({ path, git, hashed }) =>
    hashed
      .filter(({ state, file }) => git && state !== "==" && !hasOurBlock(e, path, file))
      .map(({ state, file }) => ({
        ...({ id: "moon-hashed-file", symptom } as const),
        cause:
          "every file of that kind in .moon is in every task's hash, and this one is not as committed: no other checkout has these hashes",
        evidence: [`${path}/${file}: ${OWN[state] ?? "changed"}`],
        mend:
          state in OWN
            ? onHost(e, `mv -b ${shellWord(`${path}/${file}`)} ${shellWord(`${path}/${file}.off`)}`)
            : onHost(e, `git -C ${shellWord(path)} stash push -- ${shellWord(file)}`),
      })),
  );

/** The stack asked for that change itself. */
const hasOurBlock = (e: Evidence, path: string, file: string): boolean =>
  file === ".moon/workspace.yml" &&
  e.host.moon.workspaces.some(
    (one) => one.remote_block && (path === one.path || path.endsWith(`/${one.path}`)),
  );

const old: Cause = (e) =>
  Object.entries(e.moons).flatMap(([path, version]) => {
    const judged = judge("moon", version, { s3: false });
    if (!isOn(e) || version === null || judged.verdict !== "bad") return [];
    return [
      {
        ...({ id: "moon-version", symptom } as const),
        cause: `a moon on this host does not work with bazel-remote: ${judged.reason}`,
        evidence: [`${path}: moon ${version}`],
        mend: onHost(e, `mv -b ${shellWord(path)} ${shellWord(`${path}.old`)}`),
      },
    ];
  });

const noGit: Cause = (e) =>
  e.workspaces
    .filter(({ exists, git }) => exists && !git)
    .map(({ path }) => ({
      ...({ id: "moon-no-git", symptom } as const),
      cause: "without a git repository moon caches nothing",
      evidence: [`${path} is in no git repository`],
      mend: onHost(e, `cd ${shellWord(path)} && git init && git add -A && git commit -qm start`),
    }));

/** Causes in what moon is told, and in what it hashes. */
export const moonCauses: readonly Cause[] = [
  ...[localhost, modeWord, mode, forced, notSet, elsewhere, oldKey, hashedFiles, old, noGit],
];
