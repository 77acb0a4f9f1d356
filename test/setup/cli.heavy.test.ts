/**
 * The real Pulumi CLI as `./warmbox up` starts it, in a separate project with an empty HOME:
 * what a user sees from the first `up` to `destroy`, without one line of warning.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { findPulumi } from "../../setup/pulumi/cli.ts";
import { cacheDirectory } from "../../tools/base.mjs";

const ROOT = join(import.meta.dirname, "../..");
const NOISE = /warning|deprecat|using .* from \$PATH|ExperimentalWarning|a new version of Pulumi/i;

let home: string;
let project: string;

const PROGRAM = `
import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
const config = new pulumi.Config();
const interpreter = ["/bin/sh", "-s", "--"];
const file = config.require("file");
const script = \`set -eu
apply() {
  cat >'\${file}' <<'END'
max_size: \${config.require("size")}
storage_mode: zstd
END
}
remove() { rm '\${file}'; }
"$@"
\`;
const cache = new local.Command("cache", {
  interpreter, create: "apply", delete: "remove", stdin: script, logging: "none", addPreviousOutputInEnv: false,
});
const second = new local.Command("second", {
  create: 'printf "%s" "$TOKEN" | wc -c',
  environment: { TOKEN: config.requireSecret("token") },
  triggers: [config.get("trigger") ?? "a"],
}, { dependsOn: cache });
export const length = second.stdout;
const slow = config.get("slow");
if (slow) new local.Command("slow", { create: slow, logging: "none" }, { dependsOn: second });
if (config.getBoolean("fail")) throw new pulumi.RunError("the stack file is wrong: size");
`;

beforeAll(async () => {
  await findPulumi();
  home = realpathSync(mkdtempSync(join(tmpdir(), "warmbox home-")));
  project = join(home, "project");
  execFileSync("mkdir", ["-p", join(project, "stacks")]);
  const write = (name: string, text: string): void => writeFileSync(join(project, name), text);
  write(
    "Pulumi.yaml",
    "name: demo\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n    packagemanager: npm\nmain: index.ts\nstackConfigDir: stacks\nbackend:\n  url: file://~\n",
  );
  write("package.json", JSON.stringify({ type: "module", dependencies: { "@pulumi/command": "1.2.1" } }));
  write("index.ts", PROGRAM);
  write(
    "stacks/Pulumi.local.yaml",
    `# a comment that stays\nconfig:\n  demo:file: ${join(home, "made.yaml")}\n  demo:size: 10\n`,
  );
  symlinkSync(join(ROOT, "node_modules"), join(project, "node_modules"));
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Starts one command as `./warmbox pulumi ARGS` does, in the project and with the empty HOME, in a separate session. */
function start(
  args: readonly string[],
  { cwd = project, terminal = false } = {},
): { child: ChildProcess; output: () => string } {
  const program = join(home, "run.mjs");
  writeFileSync(
    program,
    `import { runPulumi } from ${JSON.stringify(join(ROOT, "setup/pulumi/run.ts"))};
process.exitCode = await runPulumi(${JSON.stringify(project)}, process.argv.slice(2));\n`,
  );
  const argv = [process.execPath, program, ...args];
  const quoted = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const [name = "", ...words] = terminal
    ? ["script", "-qec", `stty cols 120 rows 40; ${quoted}`, "/dev/null"]
    : argv;
  const child = spawn(name, words, {
    cwd,
    env: { ...environment(), PWD: cwd, TERM: "xterm" },
    stdio: [terminal ? "pipe" : "ignore", "pipe", "pipe"],
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  }
  return { child, output: () => output };
}

function environment(): NodeJS.ProcessEnv {
  return {
    HOME: home,
    PATH: process.env.PATH,
    XDG_CACHE_HOME: dirname(cacheDirectory()),
    WARMBOX_TOOLS_DIR: process.env.WARMBOX_TOOLS_DIR,
  };
}

/** Runs one command to its end. */
async function pulumi(...args: string[]): Promise<{ code: number; output: string }> {
  const { child, output } = start(args);
  const [code] = await once(child, "close");
  expect(output()).not.toMatch(NOISE);
  return { code, output: output() };
}

/** The lines of an output without the dots of running previews, joined. */
const shown = ({ output }: { output: string }): string =>
  output.replace(/^@ (previewing update|updating|refreshing|destroying)\.+\n/gm, "");

describe("a stack from the first up to destroy", () => {
  test("config is set before the stack is made: the passphrase appears by itself", async () => {
    const result = await pulumi("version");
    expect(result.code).toBe(0);
    expect(result.output).toMatch(/made a passphrase .*\nv3\.\d+\.\d+\n$/);
  });

  test("a secret can be set before the first up, which asks nothing", async () => {
    const set = await pulumi("config", "set", "--secret", "token", "s3cret-t0ken");
    expect(set).toEqual({ code: 0, output: "warmbox: made the stack local in file://~\n" });
    const result = await pulumi("up");
    expect(result.output).toContain("+ 3 created");
    expect(result.output).toMatch(/length: "12"|length: \[secret\]/);
    expect(result.code).toBe(0);
    expect(readFileSync(join(home, "made.yaml"), "utf8")).toBe("max_size: 10\nstorage_mode: zstd\n");
    expect(readFileSync(join(project, "stacks/Pulumi.local.yaml"), "utf8")).toContain(
      "# a comment that stays\n",
    );
  });

  test("no part of the secret is in the state in clear text", () => {
    const state = readFileSync(join(home, ".pulumi/stacks/demo/local.json"), "utf8");
    expect(state).not.toContain("s3cret-t0ken");
    expect(state).toContain('"ciphertext"');
  });

  test("a second up and a preview change nothing", async () => {
    expect((await pulumi("preview", "--expect-no-changes")).code).toBe(0);
    expect(shown(await pulumi("up"))).toContain("3 unchanged");
  });

  test("preview --diff shows exactly the changed line of the script", async () => {
    await pulumi("config", "set", "size", "20");
    const { output } = await pulumi("preview", "--diff");
    const changed = output.split("\n").filter((line) => /^\s*[-+] /.test(line));
    expect(changed.map((line) => line.trim())).toEqual(["- max_size: 10", "+ max_size: 20"]);
    expect(output).toContain("~ 1 to update");
    expect(existsSync(join(home, "made.yaml"))).toBe(true);
    expect(readFileSync(join(home, "made.yaml"), "utf8")).toContain("max_size: 10\n");
  });

  test("on a terminal up asks first, and the answer no changes nothing", async () => {
    const { child, output } = start(["up"], { terminal: true });
    onTestFinished(() => void child.kill());
    await expect.poll(output, { timeout: 60_000 }).toContain("Do you want to perform this update?");
    await expect.poll(output).toMatch(/>.* no/); // what Enter chooses
    child.stdin?.write("\r");
    const [code] = await once(child, "close");
    expect(output()).toContain("confirmation declined, not proceeding with the update");
    expect(code).not.toBe(0);
    expect(readFileSync(join(home, "made.yaml"), "utf8")).toContain("max_size: 10\n");
  });

  test("up applies it", async () => {
    expect(shown(await pulumi("up"))).toContain("~ 1 updated");
    expect(readFileSync(join(home, "made.yaml"), "utf8")).toContain("max_size: 20\n");
  });

  test("a changed trigger replaces", async () => {
    await pulumi("config", "set", "trigger", "b");
    expect(shown(await pulumi("up"))).toContain("+-1 replaced");
  });

  test("refresh finds what it left", async () => {
    const result = await pulumi("refresh");
    expect(shown(result)).toContain("3 unchanged");
    expect(result.code).toBe(0);
  });

  test("about names the project's packages and runtime", async () => {
    const { code, output } = await pulumi("about");
    expect(code).toBe(0);
    expect(output).toMatch(/nodejs/);
    expect(output).toMatch(/@pulumi\/command +1\.2\.1/);
  });

  test("stack shows resources and outputs", async () => {
    expect((await pulumi("stack")).output).toMatch(/command:local:Command +cache/);
  });

  test("a mistake in the stack file is one message without a stack trace", async () => {
    await pulumi("config", "set", "fail", "true");
    const result = await pulumi("preview");
    expect(result.code).not.toBe(0);
    expect(result.output).toContain("the stack file is wrong: size");
    expect(result.output).not.toMatch(/at .*index\.ts|unhandled|non-zero exit code/);
    await pulumi("config", "rm", "fail");
  });

  test("a failing command is reported with its output", async () => {
    await pulumi("config", "set", "file", "/no/such/directory/file");
    const { code, output } = await pulumi("up", "--skip-preview");
    expect(code).not.toBe(0);
    expect(output).toMatch(/exit status [12]: running "apply":/);
    await pulumi("config", "set", "file", join(home, "made.yaml"));
  });

  test("in a folder reached by a symbolic link the selected stack is the same, and stays selected for plain Pulumi", async () => {
    const link = join(home, "link");
    symlinkSync(project, link);
    const { child, output } = start(["preview", "--expect-no-changes"], { cwd: link });
    const [code] = await once(child, "close");
    expect(code, output()).toBe(0);
    const { path } = await findPulumi();
    const env = { ...environment(), PULUMI_HOME: join(home, ".pulumi"), PWD: link };
    const plain = execFileSync(path, ["stack", "--show-name", "--non-interactive"], {
      cwd: link,
      env: { ...env, PULUMI_BACKEND_URL: `file://${home}` },
      encoding: "utf8",
    });
    expect(plain).toBe("local\n");
  });

  describe("a run that is interrupted", () => {
    const mark = () => join(home, "mark");
    const begun: ChildProcess[] = [];
    afterEach(() => {
      for (const child of begun.splice(0)) if (child.exitCode === null) child.kill("SIGTERM");
    });
    const locks = (): string[] =>
      readdirSync(join(home, ".pulumi/locks/organization/demo/local")).filter((name) =>
        name.endsWith(".json"),
      );
    const state = () => readFileSync(join(home, ".pulumi/stacks/demo/local.json"), "utf8");
    /** The process ids of the run's commands that name the mark. */
    const commands = (): string[] =>
      readdirSync("/proc").filter(
        (name) => /^\d+$/.test(name) && words(name).includes(`touch '${mark()}'; exec`),
      );
    const words = (pid: string): string => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        return "";
      }
    };
    const childOf = (child: ChildProcess): number =>
      Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim());

    /** Starts an `up` whose last command takes long, and waits until that command runs. */
    const startSlow = async () => {
      rmSync(mark(), { force: true });
      await pulumi("config", "set", "slow", `touch '${mark()}'; exec sleep 300`);
      const run = start(["up", "--skip-preview"]);
      begun.push(run.child);
      await expect.poll(() => existsSync(mark()), { timeout: 60_000 }).toBe(true);
      return run;
    };
    const finish = async (): Promise<string> => {
      await pulumi("config", "set", "slow", "true");
      const { code, output } = await pulumi("up");
      expect(code, output).toBe(0);
      expect(shown(await pulumi("up"))).toContain("4 unchanged");
      await pulumi("config", "rm", "slow");
      expect((await pulumi("up")).code).toBe(0);
      return output;
    };

    test("by a closed terminal: Pulumi ends in good order, and the next up does the rest", async () => {
      const { child, output } = await startSlow();
      process.kill(-(child.pid as number), "SIGHUP"); // what the kernel does to all processes of a closed terminal
      await once(child, "close");
      expect(output()).toMatch(/signal: killed: running "touch '.*mark'; exec sleep 300"/);
      expect(locks()).toEqual([]);
      expect(await finish()).not.toContain("removed the lock");
    });

    test("by the kernel: the lock and the note of what was under way are cleared away", async () => {
      const { child } = await startSlow();
      process.kill(childOf(child), "SIGKILL");
      await once(child, "close");
      expect(locks()).toHaveLength(1);
      expect(state()).toContain('"pending_operations":[{');
      await expect.poll(commands, { timeout: 30_000 }).toEqual([]); // the fallback plugin ended it
      expect(await finish()).toMatch(
        /warmbox: removed the lock of stack local that process \d+ left at .*\nwarmbox: the last run was killed while creating slow; that is done again\n/,
      );
    });

    test("a lock that another user holds stays", async () => {
      const { child } = await startSlow();
      const { code, output } = await pulumi("up");
      expect(code).not.toBe(0);
      expect(output).toContain("the stack is currently locked by 1 lock(s)");
      expect(output).not.toContain("removed the lock");
      child.kill("SIGTERM");
      await once(child, "close");
      expect(locks()).toEqual([]);
      await finish();
    });
  });

  test("destroy puts the machine back, and the stack can be removed", async () => {
    expect(shown(await pulumi("destroy"))).toContain("3 deleted");
    expect(existsSync(join(home, "made.yaml"))).toBe(false);
    expect((await pulumi("stack", "rm", "local", "--yes")).code).toBe(0);
  });

  test("destroying what is not there is one clear line", async () => {
    const child = pulumi("destroy");
    await expect(child).resolves.toMatchObject({ code: 1 });
    expect((await child).output).toContain("there is no stack local in file://~: nothing to destroy");
  });
});
