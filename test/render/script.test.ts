import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { librarySums } from "../../components/inspect.ts";
import { scriptText } from "../../host/scripts.ts";
import { hostPaths } from "../../plan/paths.ts";
import { bazelRemoteFilesScript } from "../../render/bazel-remote/bazel-remote-container.ts";
import { bazelRemoteScript } from "../../render/bazel-remote/bazel-remote-resource.ts";
import { cargoScript } from "../../render/cargo/cargo-resource.ts";
import { LIBRARY_SCRIPTS, libraryScript, warmboxRunText } from "../../render/lib/library-resource.ts";
import { DELIMITER, resourceScript, type ScriptHead, type Step } from "../../render/lib/script.ts";
import { moonScript } from "../../render/moon/moon-resource.ts";
import { sccacheScript } from "../../render/sccache/sccache-resource.ts";
import { HOST, sentLibrary } from "../host/sent.ts";
import { fileOf, temporaryDirectory } from "../support/files.ts";
import { run } from "../support/process.ts";
import { boxInput } from "./box.ts";

const HEAD: ScriptHead = { resource: "moon", owner: "local", generation: 3, scope: "user" };
const PATH = process.env.PATH ?? "";
const SHELLS = [["dash"], ["bash"], ["busybox", "sh"]];
const SUMS = librarySums();

/** A library that prints each call: one line per function with its arguments, and then its standard input. */
const ECHO = ["resource", "directory", "put", "include", "block", "service", "live"]
  .map(
    (name) =>
      `${name}() { printf '%s' ${name}; printf ' <%s>' "$@"; echo; ${/put|block/.test(name) ? 'case "$*" in *from=*) ;; *) cat ;; esac' : ":"}; }`,
  )
  .join("\n");

/** What reaches a host of the library's script, with that library instead of warmbox's. */
function sentEcho(input: ReturnType<typeof boxInput>): string {
  const folder = mkdtempSync(join(tmpdir(), "warmbox-render-"));
  copyFileSync(join(HOST, "send-library.sh"), join(folder, "send-library.sh"));
  mkdirSync(join(folder, "scripts"));
  for (const name of LIBRARY_SCRIPTS) writeFileSync(join(folder, "scripts", name), `${ECHO}\n`);
  const sent = sentLibrary(libraryScript(input, SUMS), folder);
  rmSync(folder, { recursive: true });
  return sent;
}

/** Runs a script with that library instead of warmbox's. */
async function runWithEcho(script: string, shell: string[]) {
  const home = await temporaryDirectory();
  const share = `${home}/.local/share/warmbox`;
  await run(["mkdir", "-p", share]);
  await fileOf(share, "warmbox.sh", `${ECHO}\n`);
  const file = await fileOf(home, "script", script);
  return run([...shell, file, "echo", "done"], { env: { PATH, HOME: home } });
}

const STEPS: Step[] = [
  { do: "directory", path: "a dir", mode: "0700", purge: true },
  { do: "put", path: "it's", mode: "0644", text: "one $HOME `x` \\\n\ttwo\n", check: "sh", secret: true },
  { do: "put", path: "no-end", mode: "0644", text: "three" },
  { do: "include", path: ".cargo/config.toml", file: "warmbox.toml" },
  { do: "block", path: ".profile", mark: "moon", text: "four\n", absent: "^(a|b)'c" },
  {
    do: "service",
    name: "s",
    kind: "process",
    file: "run/s",
    ready: "tcp 127.0.0.1:1",
    readySeconds: 3,
    stop: "a 'b'",
    stopSeconds: 4,
    log: "l",
  },
  { do: "live", name: "s", line: "size 1", command: "x | sed 's/a/b/'" },
];

describe("resourceScript", () => {
  it.each(SHELLS)("hands every word and byte to the library under %s", async (...shell) => {
    expect(await runWithEcho(resourceScript(HEAD, STEPS), shell)).toEqual({
      code: 0,
      stdout: `resource <moon> <owner=local> <generation=3>
directory <a dir> <0700> <purge>
put <it's> <0644> <check=sh> <secret>
one $HOME \`x\` \\
	two
put <no-end> <0644>
three
include <.cargo/config.toml> <warmbox.toml>
block <.profile> <moon> <absent=^(a|b)'c>
four
service <s> <kind=process> <file=run/s> <ready=tcp 127.0.0.1:1> <ready_timeout=3> <stop=a 'b'> <stop_timeout=4> <log=l>
live <s> <size 1> <x | sed 's/a/b/'>
done
`,
      stderr: "",
    });
  });

  it.each(SHELLS)("says so under %s where the library is missing", async (...shell) => {
    const home = await temporaryDirectory();
    const file = await fileOf(home, "script", resourceScript(HEAD, []));
    expect(await run([...shell, file, "apply"], { env: { PATH, HOME: home } })).toEqual({
      code: 69,
      stdout: "",
      stderr: `warmbox: ${home}/.local/share/warmbox/warmbox.sh is missing; next: run pulumi up, which puts it back\n`,
    });
  });

  it("names the scope before the library, for it decides where that looks", () => {
    const script = resourceScript({ ...HEAD, scope: "system" }, []);
    expect(script.split("\n").slice(0, 2)).toEqual([
      "WARMBOX_SCOPE=system",
      "library=/usr/local/share/warmbox/warmbox.sh",
    ]);
  });

  it("refuses a file that would end itself", () => {
    const step: Step = { do: "put", path: "a", mode: "0644", text: "x\nWARMBOX-END\ny\n" };
    expect(() => resourceScript(HEAD, [step])).toThrow(
      "a: a line of it is WARMBOX-END, which ends a file in a script; change that line in the stack's settings",
    );
    expect(resourceScript(HEAD, [{ ...step, text: " WARMBOX-END\nWARMBOX-END-\n" }])).toContain(
      " WARMBOX-END",
    );
  });
});

describe("libraryScript", () => {
  it.each(SHELLS)("carries the library, runs it and leaves no temporary file, under %s", async (...shell) => {
    const input = boxInput();
    const result = await runWithEcho(sentEcho(input), shell);
    const temporary = /from=(\S+)\/warmbox.sh>/.exec(result.stdout)?.[1] ?? "";
    expect(result).toEqual({
      code: 0,
      stdout: `resource <library> <owner=local> <generation=3>
put <.local/share/warmbox/warmbox.sh> <0644> <check=sh> <from=${temporary}/warmbox.sh>
put <.local/share/warmbox/supervise.sh> <0755> <check=sh> <from=${temporary}/supervise.sh>
put <.local/share/warmbox/prove.sh> <0644> <check=sh> <from=${temporary}/prove.sh>
directory <.local/share/warmbox/queue> <0700> <purge>
put <.local/share/warmbox/bin/warmbox-run> <0755> <check=sh>
${warmboxRunText(input)}put <.local/bin/warmbox-run> <0755> <check=sh>
#!/bin/sh
# Written by warmbox: warmbox-run, where PATH has it.
exec ${input.paths.bin}/warmbox-run "$@"
done
`,
      stderr: "",
    });
    expect((await run(["test", "-e", temporary])).code).toBe(1);
  });

  it.each(SHELLS)("changes nothing if the scripts are not the previewed ones, under %s", async (...shell) => {
    const home = await temporaryDirectory();
    const script = sentLibrary(libraryScript(boxInput(), { ...SUMS, "supervise.sh": SUMS["prove.sh"] }));
    const result = await run([...shell, await fileOf(home, "script", script), "apply"], {
      env: { PATH, HOME: home },
    });
    expect(result).toEqual({
      code: 65,
      stdout: "",
      stderr: "warmbox: the library's scripts have changed since the preview; next: run up again\n",
    });
    expect(await readdir(home)).toEqual(["script"]);
  });

  it("sends what the preview knows the sums of", async () => {
    const home = await temporaryDirectory();
    const script = await fileOf(home, "script", sentLibrary('cd "$wb_sent" && sha256sum -- *\n'));
    const { stdout } = await run(["sh", script], { env: { PATH, HOME: home } });
    const sums = [...stdout.matchAll(/^([0-9a-f]{64}) {2}(.+)$/gm)].map(([, sum, name]) => [name, sum]);
    expect(Object.fromEntries(sums)).toEqual(SUMS);
    expect(Object.keys(SUMS)).toEqual([...LIBRARY_SCRIPTS]);
  });

  it("sends scripts that contain no delimiter, leaves no temporary files, and exits with the host's code", async () => {
    for (const name of LIBRARY_SCRIPTS) expect(scriptText(name).split("\n"), name).not.toContain(DELIMITER);
    const here = await temporaryDirectory();
    const prefix = ["sh", "-c", 'tail -n 1; echo "$0"; exit 7'];
    const words = [join(HOST, "send-library.sh"), ...prefix, "apply"];
    const sender = ["/bin/sh", "-c", 'echo "the script" | /bin/sh "$@"', "-", ...words];
    expect(await run(sender, { env: { PATH, TMPDIR: here } })).toEqual({
      code: 7,
      stdout: "the script\napply\n",
      stderr: "",
    });
    expect(await readdir(here)).toEqual([]);
  });
});

/** A script after each of its lines but the last. */
const cuts = (script: string): string[] => {
  const lines = script.trimEnd().split("\n");
  return lines.map((_, at) => lines.slice(0, at).join("\n"));
};

describe("every resource", () => {
  const user = { moon: { workspaces: [{ path: "it's code", remote_block: true }] } };
  const input = boxInput(user);
  const inline = boxInput({ cargo: { config: "inline" } });
  const contained = {
    ...input,
    container: { name: "br", image: "br@sha256:0", user: "1000:1000", owned: false },
  };
  const scripts = {
    library: sentEcho(input),
    sccache: sccacheScript(input),
    "bazel-remote": bazelRemoteScript(input),
    "bazel-remote, in a container": bazelRemoteFilesScript(contained),
    cargo: cargoScript(input),
    "cargo, inline": cargoScript(inline),
    moon: moonScript(input),
  };
  const cases = Object.entries(scripts).flatMap(([name, script]) =>
    SHELLS.map((shell) => [name, shell.join(" "), script] as const),
  );

  it.each(cases)("%s is a script for %s", async (_name, shell, script) => {
    const result = await runWithEcho(script, shell.split(" "));
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout).toMatch(/^resource [\s\S]*\ndone\n$/);
  });

  it("one that is cut on its way to the host changes nothing, wherever the cut is", async () => {
    const home = await temporaryDirectory();
    await run(["mkdir", "-p", `${home}/.local/share/warmbox`]);
    await fileOf(home, ".local/share/warmbox/warmbox.sh", scriptText("warmbox.sh"));
    const tree = () => run(["find", home, "-printf", "%p %y %m %i %T@\\n"]);
    const before = await tree();
    const cut = [...cuts(sccacheScript(input)), ...cuts(bazelRemoteFilesScript(contained))];
    expect(cut.length).toBeGreaterThan(50);
    // docker is in it too: a container of another stack would be stopped
    const front = `docker() { echo "$*" >>"$HOME/docker"; }\n`;
    await Promise.all(
      cut.map(async (text, at) => {
        const file = await fileOf(await temporaryDirectory(), "cut", `${front}${text}`);
        const { stdout } = await run(["dash", file, "apply"], { env: { PATH, HOME: home, TMPDIR: "/tmp" } });
        expect(stdout, `cut ${at}`).toBe("");
      }),
    );
    expect(await tree()).toEqual(before);
  });

  it("writes paths below HOME as such, so that a script reads the same for every user", () => {
    for (const script of Object.values(scripts))
      expect(script).not.toMatch(/^(put|directory|block|include) '?\/home/m);
  });

  it("bazel-remote behind a password is not asked without one", () => {
    const script = bazelRemoteScript(boxInput({ "bazel-remote": { settings: { htpasswd_file: "/etc/h" } } }));
    expect(script).toContain("ready='tcp 127.0.0.1:9092 127.0.0.1:9090'");
    expect(script).not.toContain("live ");
  });

  it("without sccache, cargo has no wrapper", () => {
    const script = cargoScript(boxInput({ sccache: { enabled: false } }));
    expect(script).not.toMatch(/rustc-wrapper|incremental/);
    expect(script).toContain("jobs = ");
  });

  it("without bazel-remote, moon has no remote", () => {
    expect(moonScript(boxInput({ "bazel-remote": { enabled: false } }))).not.toMatch(/MOON_REMOTE_\w+=\S/);
  });
});

describe("hostPaths", () => {
  it("keeps a user's below HOME and a system's out of it", () => {
    const of = (scope: string) =>
      Object.values(hostPaths(boxInput({ scope }).host, "/home/ci", "/home/ci/.cargo"));
    expect(of("user").every((path) => path.startsWith("/home/ci"))).toBe(true);
    expect(of("system").filter((path) => path.startsWith("/home/ci"))).toEqual([
      "/home/ci",
      "/home/ci/.cargo",
    ]);
  });
});
