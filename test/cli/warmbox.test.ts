/** The command itself: from any directory, with nothing on stdout but its own output. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandTable } from "../../setup/commands.ts";
import { candidates } from "../../setup/completion.ts";
import { helpText } from "../../stacks/command.ts";

const ROOT = join(import.meta.dirname, "../..");
const PROGRAM = join(ROOT, "warmbox");
const commands = await commandTable();

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "warmbox cli-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(argv: readonly string[], program = PROGRAM) {
  const { status, stdout, stderr } = spawnSync(program, argv, { cwd: folder, encoding: "utf8" });
  return { code: status, stdout, stderr };
}

describe("./warmbox", () => {
  it("finds its folder through links, relative ones too, from any directory", () => {
    symlinkSync(PROGRAM, join(folder, "absolute"));
    symlinkSync("absolute", join(folder, "relative"));
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    expect(run(["--version"], join(folder, "relative"))).toEqual({
      code: 0,
      stdout: `${version}\n`,
      stderr: "",
    });
  });

  it("says what is missing without Node", () => {
    const done = spawnSync("/bin/sh", [PROGRAM, "up"], { env: { PATH: "/nowhere" }, encoding: "utf8" });
    expect(done.stderr).toContain("warmbox: node is not on PATH. Next: install Node.js 24");
    expect(done.status).toBe(1);
  });

  it("has nothing but data on stdout", () => {
    const { stdout } = run(["plan", "--ram", "8GiB", "--cpus", "4", "--json"]);
    expect(JSON.parse(stdout)).toHaveProperty("hosts");
  });

  it.each([[["help", "destroy"]], [["destroy", "--help"]], [["destroy", "--stack", "s3", "-h"]]])(
    "%j is the command's own page",
    (argv) => {
      const { code, stdout } = run(argv);
      expect(code).toBe(0);
      expect(stdout).toContain("--preview-only   show what would be done, and do nothing\n");
      expect(stdout).toContain("`./warmbox pulumi destroy --help` lists them");
    },
  );

  it.each([
    [["stauts"], "warmbox: there is no command stauts. Next: ./warmbox status, or ./warmbox help\n"],
    [["zzz"], "warmbox: there is no command zzz. Next: ./warmbox help\n"],
    [["help", "stauts"], "warmbox: there is no command stauts. Next: ./warmbox status, or ./warmbox help\n"],
    [
      ["status", "--jsno"],
      "status: Unknown option '--jsno'; next: write --json; `./warmbox status --help` lists the flags\n",
    ],
    [["init", "locl"], "warmbox: there is no example locl. Next: name one of fleet, local, s3\n"],
    [["init", "--stack", "../x"], /"..\/x" cannot be the name of a stack; expected: letters/],
    [
      ["completion", "tcsh"],
      "warmbox: completion: expected a shell: bash, zsh, fish. Next: ./warmbox completion bash\n",
    ],
  ])("%j is one error with the nearest name", (argv, message) => {
    const { code, stdout, stderr } = run(argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    if (typeof message === "string") expect(stderr).toBe(message);
    else expect(stderr).toMatch(message);
  });
});

describe("help", () => {
  it.each(commands.map((command) => [command.name, command] as const))(
    "%s has flags and examples",
    (_, command) => {
      const text = helpText(command);
      expect(text).toMatch(new RegExp(`^\\./warmbox ${command.name}\\b.*: .*\\.\\n`));
      expect(text).toContain("--help");
      expect(command.examples.length).toBeGreaterThan(0);
      for (const [line] of command.examples) expect(line).toContain(`./warmbox ${command.name}`);
    },
  );
});

describe("completion", () => {
  const names = {
    stacks: () => ["local", "s3"],
    hosts: () => ["this"],
    examples: () => ["fleet", "local", "s3"],
  };
  const texts = (...args: string[]) => candidates(args, commands, names).map(([text]) => text);

  it.each([
    [["st"], ["status", "stack"]],
    [["h"], ["help"]],
    [
      ["status", "--"],
      ["--host", "--stack", "--watch", "--json", "--prometheus", "--help"],
    ],
    [
      ["status", "--stack", ""],
      ["local", "s3"],
    ],
    [["up", "-s", "l"], ["local"]],
    [["status", "--host", ""], ["this"]],
    [["init", "f"], ["fleet"]],
    [["completion", "z"], ["zsh"]],
    [["stack", "s"], ["select"]],
    [
      ["stack", "rm", ""],
      ["local", "s3"],
    ],
    [["help", "des"], ["destroy"]],
    [["nonsense", "--"], []],
    [["status", "--json", ""], []],
  ] as [string[], string[]][])("of %j: %j", (words, expected) => expect(texts(...words)).toEqual(expected));

  it("in bash, of ./warmbox as well, and nothing that was typed is run", () => {
    const script = `source <(${JSON.stringify(PROGRAM)} completion bash)
complete -p warmbox
COMP_WORDS=(./warmbox destroy '$(touch ran)' --pre); COMP_CWORD=3
_warmbox; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const done = spawnSync("bash", ["-c", script], { cwd: folder, encoding: "utf8" });
    expect(done.stderr).toBe("");
    expect(done.stdout).toBe("complete -o default -F _warmbox warmbox\n--preview-only\n");
    expect(spawnSync("ls", [join(folder, "ran")]).status).not.toBe(0);
  });

  it.each(["zsh", "fish"])("%s's script names the program by its whole path", (shell) => {
    expect(run(["completion", shell]).stdout).toContain(`${PROGRAM} complete -- `);
  });
});
