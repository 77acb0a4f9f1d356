import type { HostFacts, Observed, Probe } from "../../host/facts.ts";
import { linesOf, parseSections, type Section, wordOf, wordsOf } from "../../host/sections.ts";
import { type HostPaths, hostPaths } from "../../render/paths.ts";
import type { HostConfig } from "../../stacks/types.ts";
import { type HostStatus, parseStatus } from "../status/parse.ts";

/** A line of a file that decides something about the caches. */
export type SettingLine = { file: string; line: number; table: string; text: string };

/** The environment that one kind of session gets; only variables that our tools read. */
export type Session = {
  /** `login shell (bash -l)`, … */
  name: string;
  /** This very process's, which nobody set up: what it lacks is no finding. */
  own: boolean;
  env: Record<string, string>;
  /** The `moon` that this session would run. */
  moon: string | null;
};

/** A running sccache server or bazel-remote, ours or not. */
export type Daemon = {
  pid: number;
  name: string;
  exe: string;
  ports: number[];
  uid: number;
  env: Record<string, string>;
};

/** A moon workspace as it lies on the host. */
export type Workspace = {
  path: string;
  exists: boolean;
  git: boolean;
  /** Files whose content is in every task's hash; `state` as `git status --porcelain` writes it, `==` = committed. */
  hashed: { state: string; file: string }[];
  lines: SettingLine[];
};

/** Everything that causes are judged from: one round trip to a host. */
export type Evidence = {
  name: string;
  host: HostConfig;
  facts: HostFacts;
  observed: Observed;
  status: HostStatus;
  paths: HostPaths;
  sessions: Session[];
  daemons: Daemon[];
  /** Who listens on our ports, in words; null = nobody. */
  ports: { name: "sccache" | "http" | "grpc"; port: number; holder: string | null }[];
  settings: SettingLine[];
  /** Is our rustc-wrapper there? */
  wrapper: boolean;
  /** What sccache says of its configuration file. */
  sccacheConfig: { code: number; said: string[] };
  dirs: Record<
    "sccache" | "bazel-remote",
    { path: string; exists: boolean; writable: boolean; strays: string[] }
  >;
  logs: Record<string, { bytes: number; file: string; lines: string[] }>;
  /** Every moon found, by path. */
  moons: Record<string, string | null>;
  workspaces: Workspace[];
};

/** What the judging needs to know beside the host's answer. */
export type Known = { name: string; host: HostConfig; probe: Probe; own: Record<string, string> | null };

/** Reads what host/doctor.sh printed. Pure. @throws Error where the answer is not complete */
export function parseEvidence(text: string, known: Known): Evidence {
  const sections = parseSections(text);
  const { name, host, probe } = known;
  const { facts } = probe;
  const paths = hostPaths(host, facts.user.home, facts.cargoHome);
  const spaces = workspacesOf(sections);
  const all = sections.filter((s) => s.name === "config").flatMap(settingLines);
  return {
    ...{ name, host, facts, observed: probe.observed, paths },
    status: parseStatus(text, host),
    sessions: [...sections.filter((s) => s.name === "session").map(sessionOf), ...ownSession(known.own)],
    daemons: sections.filter((s) => s.name === "daemon").map(daemonOf),
    ports: sections.filter((s) => s.name === "port").map(portOf),
    settings: all.filter((line) => !spaces.some(({ path }) => line.file.startsWith(`${path}/`))),
    wrapper: linesOf(sections, "wrapper").length > 0,
    sccacheConfig: {
      code: Number(wordOf(linesOf(sections, "sccache-config"), "code") ?? 0),
      said: wordsOf(linesOf(sections, "sccache-config"), "said").filter((line) => line !== ""),
    },
    dirs: { sccache: dirOf(sections, "sccache"), "bazel-remote": dirOf(sections, "bazel-remote") },
    logs: Object.fromEntries(sections.filter((s) => s.name === "log").map(logOf)),
    moons: Object.fromEntries(
      sections.filter((s) => s.name === "moon-program").map((s) => [s.words, wordOf(s.lines, "version")]),
    ),
    workspaces: spaces.map((one) => ({
      ...one,
      lines: all.filter(({ file }) => file.startsWith(`${one.path}/`)),
    })),
  };
}

/** `NAME=VALUE` lines. */
function variables(lines: string[]): Record<string, string> {
  return Object.fromEntries(
    lines.flatMap((line) => {
      const at = line.indexOf("=");
      return at > 0 && !line.startsWith("moon ") ? [[line.slice(0, at), line.slice(at + 1)]] : [];
    }),
  );
}

function sessionOf({ words, lines }: Section): Session {
  const [name, shell, option] = words.split(" ");
  return {
    name: `${name} shell (${shell} ${option})`,
    own: false,
    env: variables(lines),
    moon: wordOf(lines, "moon"),
  };
}

function ownSession(env: Record<string, string> | null): Session[] {
  return env === null ? [] : [{ name: "this shell", own: true, env, moon: null }];
}

function daemonOf({ words, lines }: Section): Daemon {
  const [pid, name = ""] = words.split(" ");
  return {
    pid: Number(pid),
    name,
    exe: wordOf(lines, "exe") ?? "",
    ports: wordsOf(lines, "listens").map(Number),
    uid: Number(wordOf(lines, "uid") ?? -1),
    env: variables(wordsOf(lines, "env")),
  };
}

function portOf({ words, lines }: Section): Evidence["ports"][number] {
  const [name, port] = words.split(" ");
  return { name: name as "sccache" | "http" | "grpc", port: Number(port), holder: wordOf(lines, "held") };
}

function settingLines({ words: file, lines }: Section): SettingLine[] {
  return lines.map((line) => {
    const [number, table = "", ...text] = line.split("\t");
    return { file, line: Number(number), table, text: text.join("\t").trim() };
  });
}

function dirOf(sections: Section[], name: string): Evidence["dirs"]["sccache"] {
  const found = sections.find((s) => s.name === "dir" && s.words.startsWith(`${name} `));
  const lines = found?.lines ?? [];
  return {
    path: found?.words.slice(name.length + 1) ?? "",
    exists: lines.includes("exists"),
    writable: lines.includes("writable"),
    strays: wordsOf(lines, "stray"),
  };
}

function logOf({ words, lines }: Section): [string, Evidence["logs"][string]] {
  const [name = "", size, ...file] = words.split(" ");
  return [name, { bytes: Number(size), file: file.join(" "), lines }];
}

function workspacesOf(sections: Section[]): Omit<Workspace, "lines">[] {
  return sections
    .filter((s) => s.name === "workspace")
    .map(({ words: path, lines }) => ({
      path,
      exists: !lines.includes("missing"),
      git: lines.includes("git"),
      hashed: wordsOf(lines, "hashed").map((line) => ({ state: line.slice(0, 2), file: line.slice(3) })),
    }));
}
