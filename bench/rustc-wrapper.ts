/**
 * What our rustc-wrapper costs per rustc call: the same cached compile by sccache alone and through the wrapper, in
 * turns, so that a busy machine slows both. Needs sccache in WARMBOX_TOOLS_DIR or the project's cache.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { rustcWrapper } from "../render/cargo/rustc-wrapper.ts";
import { obtainTool } from "../tools/obtain.ts";

/** Calls of each kind and shell. The median of so many is steady to about 0.2 ms. */
const ROUNDS = 60;
/** Bound on the median difference of a pair, milliseconds. */
export const BOUND_MS = 5;

const SHELLS: Readonly<Record<string, string>> = { dash: "dash", bash: "bash", busybox: "busybox sh" };

/** One shell's row, times in milliseconds. */
export interface Row {
  readonly shell: string;
  readonly directMs: number;
  readonly wrapperMs: number;
  /** Median of the pairs' differences, which a busy machine disturbs least. */
  readonly differenceMs: number;
  readonly ratio: number;
}

/** Measures every shell that is on this machine. */
export async function measure(rounds = ROUNDS): Promise<Row[]> {
  const dir = mkdtempSync(join(tmpdir(), "warmbox-bench-"));
  const { path: sccache } = await obtainTool("sccache");
  const port = await freePort();
  const conf = join(dir, "sccache.toml");
  writeFileSync(conf, `[cache.disk]\ndir = "${dir}/cache"\nsize = 104857600\n`);
  writeFileSync(join(dir, "lib.rs"), "pub fn one() -> u32 { 1 }\n");
  mkdirSync(join(dir, "out"));
  const env = { ...process.env, SCCACHE_CONF: conf, SCCACHE_SERVER_PORT: String(port), XDG_RUNTIME_DIR: dir };
  const serving = { ...env, SCCACHE_START_SERVER: "1", SCCACHE_NO_DAEMON: "1", SCCACHE_IDLE_TIMEOUT: "0" };
  const server = spawn(sccache, [], { env: serving, stdio: "ignore" });
  try {
    const rustc = rustcPath();
    const compile = [
      "--crate-name",
      "one",
      "--crate-type",
      "lib",
      "--emit=dep-info,metadata,link",
      "--out-dir",
    ];
    const words = [rustc, ...compile, join(dir, "out"), join(dir, "lib.rs")];
    const once = (program: string): number => timed(program, words, { env, cwd: dir });
    await new Promise((done) => setTimeout(done, 1000)); // the server opens its port
    once(sccache); // the miss
    return present().map(([shell, command]) => {
      const wrapper = join(dir, `wrapper-${shell}`);
      const text = rustcWrapper({ sccachePath: sccache, confPath: conf, port });
      writeFileSync(wrapper, text.replace("#!/bin/sh", `#!${command}`), { mode: 0o755 });
      once(wrapper); // starts the guard of this process
      const direct: number[] = [];
      const through: number[] = [];
      for (let round = 0; round < rounds; round++) {
        direct.push(once(sccache));
        through.push(once(wrapper));
      }
      const differences = through.map((time, round) => time - (direct[round] ?? Number.NaN));
      return { ...row(shell, median(direct), median(through)), differenceMs: median(differences) };
    });
  } finally {
    server.kill("SIGKILL");
    rmSync(dir, { recursive: true, force: true });
  }
}

function row(shell: string, directMs: number, wrapperMs: number): Omit<Row, "differenceMs"> {
  return { shell, directMs, wrapperMs, ratio: wrapperMs / directMs };
}

/** Shells of this machine with the words that a `#!` line takes: busybox needs its applet's name. */
function present(): [string, string][] {
  return Object.entries(SHELLS).flatMap(([name, command]) => {
    const [program = "", ...applet] = command.split(" ");
    const path = spawnSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).stdout.trim();
    if (path === "") process.stderr.write(`bench: ${name} is not on this machine: not measured\n`);
    return path === "" ? [] : [[name, [path, ...applet].join(" ")]];
  });
}

/** The compiler itself: rustup's proxy would cost more than the wrapper. */
function rustcPath(): string {
  const sysroot = spawnSync("rustc", ["--print", "sysroot"], { encoding: "utf8" }).stdout.trim();
  return join(sysroot, "bin", "rustc");
}

function timed(program: string, words: string[], options: { env: NodeJS.ProcessEnv; cwd: string }): number {
  const from = process.hrtime.bigint();
  const { status, stderr } = spawnSync(program, words, { ...options, encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} failed (exit code ${status}): ${stderr}`);
  return Number(process.hrtime.bigint() - from) / 1e6;
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function freePort(): Promise<number> {
  return await new Promise((done, fail) => {
    const server = createServer().once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") return fail(new Error("no TCP address"));
      server.close(() => done(address.port));
    });
  });
}

/** The rows as a table for people. */
export function table(rows: readonly Row[]): string {
  const cells = rows.map(({ shell, directMs, wrapperMs, differenceMs, ratio }) =>
    [
      shell.padEnd(8),
      ...[directMs, wrapperMs, differenceMs, ratio].map((n) => n.toFixed(2).padStart(11)),
    ].join(""),
  );
  const head = [
    "shell   ",
    ...["sccache ms", "wrapper ms", "more ms", "ratio"].map((h) => h.padStart(11)),
  ].join("");
  return `${[head, ...cells].join("\n")}\nbound: ${BOUND_MS} ms more per rustc call; medians of paired, cached compiles\n`;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === import.meta.filename) {
  const asked = process.argv.slice(2).find((word) => /^[1-9]\d*$/.test(word));
  const rows = await measure(asked === undefined ? ROUNDS : Number(asked));
  process.stdout.write(process.argv.includes("--json") ? `${JSON.stringify(rows, null, 2)}\n` : table(rows));
  process.exitCode = rows.every(({ differenceMs }) => differenceMs <= BOUND_MS) ? 0 : 1;
}
