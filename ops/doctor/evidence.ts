import { linesOf, parseSections, type Section, wordOf, wordsOf } from "../../host/sections.ts";
import type { HostFacts, Observed, Probe } from "../../host/types.ts";
import { type HostPaths, hostPaths } from "../../plan/paths.ts";
import type { HostConfig, StackConfig } from "../../stacks/types.ts";
import { type HostStatus, parseStatus } from "../status/parse.ts";

/** A line of a file that decides something about the caches. */
export type SettingLine = { file: string; line: number; table: string; text: string };

/** The environment of one kind of session; only variables that the tools read. */
export type Session = {
  /** `login shell (bash -l)`, … */
  name: string;
  /** True for the caller's own shell: no start file is warmbox's there, so a missing variable is no finding. */
  isCaller: boolean;
  env: Record<string, string>;
  /** The `moon` that this session would run. */
  moon: string | null;
};

/** A running sccache server or bazel-remote, the service's or another. */
export type Daemon = {
  pid: number;
  name: string;
  exe: string;
  ports: number[];
  uid: number;
  env: Record<string, string>;
};

/** A moon workspace on the host. */
export type Workspace = {
  path: string;
  exists: boolean;
  git: boolean;
  /** Files whose content is in every task's hash; `state` as in `git status --porcelain`, `==` = committed. */
  hashed: { state: string; file: string }[];
  lines: SettingLine[];
};

/** Everything that causes are found in: one round trip to a host. */
export type Evidence = {
  name: string;
  /** The stack that --stack names; null: the selected one. */
  stack: string | null;
  host: HostConfig;
  facts: HostFacts;
  observed: Observed;
  status: HostStatus;
  paths: HostPaths;
  sessions: Session[];
  daemons: Daemon[];
  /** The process that listens on each configured port, in words (null: none), and a free port near it. */
  ports: { name: "sccache" | "http" | "grpc"; port: number; holder: string | null; free: number | null }[];
  settings: SettingLine[];
  /** Every file that was read for settings. */
  files: string[];
  /** Whether warmbox's rustc-wrapper exists and is executable. */
  wrapper: boolean;
  /** Exit code and output of sccache when it reads its configuration file. */
  sccacheConfig: { code: number; output: string[] };
  dirs: Record<
    "sccache" | "bazel-remote",
    { path: string; exists: boolean; writable: boolean; strays: string[] }
  >;
  /** Directories that may be deleted from a full volume, largest first. */
  fillers: { path: string; mount: string; bytes: number }[];
  /** The S3 server as the host reaches it; `code` is its HTTP status for warmbox's keys, 0 = no answer, null = not requested. */
  store: { kind: NonNullable<StackConfig["s3"]>["kind"]; endpoint: string; code: number | null } | null;
  logs: Record<string, { bytes: number; file: string; lines: string[] }>;
  /** Version of every moon on the host, by path. */
  moons: Record<string, string | null>;
  workspaces: Workspace[];
};

/** What the evidence needs beside the host's answer. */
export type Context = {
  name: string;
  host: HostConfig;
  probe: Probe;
  /** Environment of the caller's shell; null if the host is another machine. */
  callerEnvironment: Record<string, string> | null;
  /** The stack that --stack names; null: the selected one. */
  stack?: string | null;
  /** S3 of the stack. */
  s3?: StackConfig["s3"];
};

/** Reads what host/scripts/doctor.sh printed. Pure. @throws Error where the answer is not complete */
export function parseEvidence(text: string, context: Context): Evidence {
  const sections = parseSections(text);
  const { name, host, probe } = context;
  const { facts } = probe;
  const paths = hostPaths(host, facts.user.home, facts.cargoHome);
  const spaces = workspacesOf(sections);
  const settings = sections.filter((s) => s.name === "config").flatMap(settingLines);
  return {
    ...{ name, host, facts, observed: probe.observed, paths, stack: context.stack ?? null },
    status: parseStatus(text, host),
    sessions: [
      ...sections.filter((s) => s.name === "session").map(sessionOf),
      ...callerSession(context.callerEnvironment),
    ],
    daemons: sections.filter((s) => s.name === "daemon").map(daemonOf),
    ports: sections.filter((s) => s.name === "port").map(portOf),
    settings: settings.filter((line) => !spaces.some(({ path }) => line.file.startsWith(`${path}/`))),
    files: sections.filter((s) => s.name === "config").map(({ args }) => args),
    wrapper: linesOf(sections, "wrapper").length > 0,
    sccacheConfig: {
      code: Number(wordOf(linesOf(sections, "sccache-config"), "code") ?? 0),
      output: wordsOf(linesOf(sections, "sccache-config"), "said").filter((line) => line !== ""),
    },
    dirs: { sccache: dirOf(sections, "sccache"), "bazel-remote": dirOf(sections, "bazel-remote") },
    fillers: wordsOf(linesOf(sections, "fillers"), "filler")
      .map(fillerOf)
      .sort((a, b) => b.bytes - a.bytes),
    store: storeOf(linesOf(sections, "store"), context.s3),
    logs: Object.fromEntries(sections.filter((s) => s.name === "log").map(logOf)),
    moons: Object.fromEntries(
      sections.filter((s) => s.name === "moon-program").map((s) => [s.args, wordOf(s.lines, "version")]),
    ),
    workspaces: spaces.map((space) => ({
      ...space,
      lines: settings.filter(({ file }) => file.startsWith(`${space.path}/`)),
    })),
  };
}

/** `NAME=VALUE` lines. */
function variables(lines: string[]): Record<string, string> {
  return Object.fromEntries(
    lines.flatMap((line) => {
      const offset = line.indexOf("=");
      return offset > 0 && !line.startsWith("moon ") ? [[line.slice(0, offset), line.slice(offset + 1)]] : [];
    }),
  );
}

function sessionOf({ args, lines }: Section): Session {
  const [name, shell, option] = args.split(" ");
  return {
    name: `${name} shell (${shell} ${option})`,
    isCaller: false,
    env: variables(lines),
    moon: wordOf(lines, "moon"),
  };
}

function callerSession(env: Record<string, string> | null): Session[] {
  return env === null ? [] : [{ name: "this shell", isCaller: true, env, moon: null }];
}

function daemonOf({ args, lines }: Section): Daemon {
  const [pid, name = ""] = args.split(" ");
  return {
    pid: Number(pid),
    name,
    exe: wordOf(lines, "exe") ?? "",
    ports: wordsOf(lines, "listens").map(Number),
    uid: Number(wordOf(lines, "uid") ?? -1),
    env: variables(wordsOf(lines, "env")),
  };
}

function portOf({ args, lines }: Section): Evidence["ports"][number] {
  const [name, port] = args.split(" ");
  return {
    name: name as "sccache" | "http" | "grpc",
    port: Number(port),
    holder: wordOf(lines, "held"),
    free: Number(wordOf(lines, "free")) || null,
  };
}

function settingLines({ args: file, lines }: Section): SettingLine[] {
  return lines.map((line) => {
    const [number, table = "", ...text] = line.split("\t");
    return { file, line: Number(number), table, text: text.join("\t").trim() };
  });
}

function dirOf(sections: Section[], name: string): Evidence["dirs"]["sccache"] {
  const section = sections.find((s) => s.name === "dir" && s.args.startsWith(`${name} `));
  const lines = section?.lines ?? [];
  return {
    path: section?.args.slice(name.length + 1) ?? "",
    exists: lines.includes("exists"),
    writable: lines.includes("writable"),
    strays: wordsOf(lines, "stray"),
  };
}

function fillerOf(line: string): Evidence["fillers"][number] {
  const [kib, mount = "", ...path] = line.split("\t");
  return { path: path.join("\t"), mount, bytes: Number(kib) * 1024 };
}

function storeOf(lines: string[], s3: StackConfig["s3"]): Evidence["store"] {
  const endpoint = wordOf(lines, "endpoint");
  const code = wordOf(lines, "code");
  return endpoint === null || s3 === undefined
    ? null
    : { kind: s3.kind, endpoint, code: code === null ? null : Number(code) };
}

function logOf({ args, lines }: Section): [string, Evidence["logs"][string]] {
  const [name = "", size, ...file] = args.split(" ");
  return [name, { bytes: Number(size), file: file.join(" "), lines }];
}

function workspacesOf(sections: Section[]): Omit<Workspace, "lines">[] {
  return sections
    .filter((s) => s.name === "workspace")
    .map(({ args: path, lines }) => ({
      path,
      exists: !lines.includes("missing"),
      git: lines.includes("git"),
      hashed: wordsOf(lines, "hashed").map((line) => ({ state: line.slice(0, 2), file: line.slice(3) })),
    }));
}
