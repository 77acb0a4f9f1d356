import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { type Finished, start } from "../../support/process.ts";
import { hostTextFile } from "../text-file.ts";
import type { Shell } from "./shells.ts";

/** The library as a host has it. */
export const LIBRARY = hostTextFile("warmbox.sh");
const SUPERVISOR = hostTextFile("supervise.sh");

/** What a path is: kind, mode, owner, bytes (latin1), and what tells whether it was written again. */
export type Entry = { kind: string; mode: string; owner: string; text: string; identity: string };

/** A host of a test's own: an empty HOME below the temporary directory, and a shell to change it with. */
export class TestHost {
  readonly root: string;
  readonly home: string;
  readonly temporary: string;
  readonly shell: Shell;
  /** Lines that go before every script; a test puts traps here. */
  preamble = "";
  /** More environment. */
  env: Record<string, string> = {};

  constructor(shell: Shell, name = "home") {
    this.shell = shell;
    this.root = mkdtempSync(join(tmpdir(), "warmbox-library-"));
    this.home = join(this.root, name);
    this.temporary = join(this.root, "tmp");
    mkdirSync(this.home);
    mkdirSync(this.temporary);
  }

  /** Puts the two files of the library where its resource would. */
  installLibrary(): void {
    const share = join(this.home, ".local/share/warmbox");
    mkdirSync(share, { recursive: true });
    for (const from of [LIBRARY, SUPERVISOR]) copyFileSync(from, join(share, basename(from)));
  }

  write(path: string, text: string | Buffer, mode = 0o644): void {
    const to = join(this.home, path);
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, text);
    chmodSync(to, mode);
  }

  /** Bytes of a file as latin1, or undefined. */
  read(path: string): string | undefined {
    try {
      return readFileSync(join(this.home, path), "latin1");
    } catch {
      return undefined;
    }
  }

  mode(path: string): string {
    return (lstatSync(join(this.home, path)).mode & 0o7777).toString(8);
  }

  /** A script of the resource NAME: the library, the resource line, the body, the word. */
  script(body: string, { name = "demo", owner = "local", generation = 1 } = {}): string {
    return `. '${LIBRARY}' || exit 69\n${this.preamble}\nresource ${name} owner=${owner} generation=${generation}\n${body}\n"$@"\n`;
  }

  apply(body: string, words?: { name?: string; owner?: string; generation?: number }): Promise<Finished> {
    return this.run(this.script(body, words), ["apply"]);
  }

  remove(body: string, words?: { name?: string; owner?: string; generation?: number }): Promise<Finished> {
    return this.run(this.script(body, words), ["remove"]);
  }

  /** What `observe` prints, as the probe calls it. */
  observe(): Promise<Finished> {
    return this.run(`${readFileSync(LIBRARY, "utf8")}\nobserve </dev/null\n`, []);
  }

  /** Runs a script from stdin, in its own process group. */
  run(script: string, words: string[]): Promise<Finished> {
    return this.start(script, words).ended;
  }

  start(script: string, words: string[]): { pid: number; ended: Promise<Finished> } {
    const [program = "", ...rest] = this.shell.argv;
    const { child, done } = start([program, ...rest, "-s", "--", ...words], {
      cwd: this.home,
      detached: true,
      encoding: "latin1",
      stdin: script,
      env: {
        HOME: this.home,
        PATH: process.env.PATH ?? "",
        TMPDIR: this.temporary,
        RUSTUP_HOME: process.env.RUSTUP_HOME ?? join(process.env.HOME ?? "/root", ".rustup"),
        ...this.env,
      },
    });
    return { pid: child.pid ?? 0, ended: done };
  }

  /** Everything below HOME; `identity` changes whenever a file or directory is written. */
  tree(below = ""): Record<string, Entry> {
    const entries: Record<string, Entry> = {};
    const visit = (path: string) => {
      const full = join(this.home, path);
      const stat = lstatSync(full);
      const kind = stat.isDirectory() ? "directory" : stat.isSymbolicLink() ? "link" : "file";
      entries[path] = {
        kind,
        mode: (stat.mode & 0o7777).toString(8),
        owner: `${stat.uid}:${stat.gid}`,
        text: kind === "file" ? readFileSync(full, "latin1") : kind === "link" ? readlinkSync(full) : "",
        identity: `${stat.ino} ${stat.mtimeMs} ${stat.ctimeMs}`,
      };
      if (kind === "directory") for (const name of readdirSync(full).sort()) visit(join(path, name));
    };
    visit(below);
    return entries;
  }

  /** The same without what changes when a directory is merely used. */
  contents(): Record<string, Omit<Entry, "identity">> {
    return Object.fromEntries(
      Object.entries(this.tree()).map(([path, { identity: _, ...entry }]) => [path, entry]),
    );
  }

  /** Ends every process whose session began below this host, and deletes it. */
  dispose(): void {
    for (const pid of this.processes()) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // gone by itself
      }
    }
    rmSync(this.root, { recursive: true, force: true });
  }

  /** Processes whose command line or environment names this host's root. */
  processes(): number[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .map(Number)
      .filter((pid) => ["cmdline", "environ"].some((file) => procText(pid, file).includes(this.root)));
  }
}

function procText(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}

/** A here-document as the renderer writes it. */
export function heredoc(text: string): string {
  return `<<'WARMBOX-END'\n${text.endsWith("\n") ? text : `${text}\n`}WARMBOX-END`;
}
