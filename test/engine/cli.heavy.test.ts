/**
 * The real Pulumi CLI through the same door as `npm run up`, in a project of its own with an empty HOME:
 * what a user sees from the first `up` to `destroy`, without one line of warning.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findPulumi } from "../../engine/cli.ts";
import { warmboxCache } from "../../engine/tools/cache.ts";

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

/** Runs one command as `npm run pulumi -- ARGS` does, in the project and with the empty HOME. */
async function pulumi(...args: string[]): Promise<{ code: number; output: string }> {
  const script = `import { runPulumi } from ${JSON.stringify(join(ROOT, "engine/pulumi.ts"))};
process.exitCode = await runPulumi(process.cwd(), ${JSON.stringify(args)});`;
  const env = {
    HOME: home,
    PATH: process.env.PATH,
    XDG_CACHE_HOME: dirname(warmboxCache()),
    WARMBOX_TOOLS_DIR: process.env.WARMBOX_TOOLS_DIR,
  };
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    cwd: project,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  }
  const [code] = await once(child, "close");
  expect(output).not.toMatch(NOISE);
  return { code, output };
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

  test("up makes and selects the stack and asks nothing", async () => {
    const made = await pulumi("stack", "init", "local");
    expect(made.output).toBe("Created stack 'local'\n");
    expect((await pulumi("config", "set", "--secret", "token", "s3cret-t0ken")).code).toBe(0);
    const result = await pulumi("up");
    expect(result.output).toContain("+ 3 created");
    expect(result.output).toMatch(/length: "12"|length: \[secret\]/);
    expect(result.code).toBe(0);
    expect(readFileSync(join(home, "made.yaml"), "utf8")).toBe("max_size: 10\nstorage_mode: zstd\n");
    expect(readFileSync(join(project, "stacks/Pulumi.local.yaml"), "utf8")).toContain(
      "# a comment that stays\n",
    );
  });

  test("nothing of the secret stands in the state in clear", () => {
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
