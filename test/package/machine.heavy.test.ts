import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Fleet, makeFleet } from "../fleet/hosts.ts";
import { installPackage, makeProgram, type Program } from "./program.ts";

/** A machine whose address is an output of the same `up`: an sshd that a command starts on a host, on another port. */
const BOOT_MS = 900_000;
const STACK = ["--stack", "dev"];
const PORT = 4722;
let fleet: Fleet;
let program: Program;

beforeAll(async () => {
  fleet = await makeFleet(["forge"]);
  const { operator } = fleet;
  operator.know([fleet.alias("forge")]);
  program = makeProgram(operator, await installPackage(operator), "machine");
  await program.succeed("stack", "init", "dev");
  const { host, knownHostsFile } = fleet.container.ssh;
  for (const [key, value] of Object.entries({
    host: "forge",
    start: script("start", startMachine(`[${host}]:${PORT}`, knownHostsFile)),
    stop: script("stop", "ssh forge 'kill $(cat machine/pid); rm -r machine'\n"),
  }))
    await program.succeed("config", "set", key, value, ...STACK);
}, BOOT_MS);
afterAll(() => fleet?.end());

/** Writes a script of the operator's. @returns the command that runs it */
function script(name: string, text: string): string {
  const path = join(program.folder, `${name}.sh`);
  writeFileSync(path, `set -eu\n${text}`);
  return `sh ${path}`;
}

/** Starts the sshd, lets ssh know its key, and prints its port. */
const startMachine = (address: string, knownHosts: string): string => `
ssh forge 'sh -s' >&2 <<'END'
mkdir -m 700 machine
cd machine
ssh-keygen -q -t ed25519 -N "" -f key
printf '%s\\n' "Port ${PORT}" "HostKey $PWD/key" "PidFile $PWD/pid" "UsePAM no" >config
/usr/sbin/sshd -f "$PWD/config"
END
ssh forge 'cat machine/key.pub' | sed 's/^/${address} /' >>${knownHosts}
echo ${PORT}
`;

describe("a machine that is made in the same up", () => {
  it("is previewed without its address: every resource, no script", async () => {
    const output = await program.succeed("preview", "--diff", ...STACK);
    expect(output).toMatch(/forge: its address is not known yet/);
    expect(output).toMatch(/stdin\s*: \[unknown\]|stdin\s*: output<string>/);
    for (const name of ["forge-library", "forge-sccache", "forge-cargo"]) expect(output).toContain(name);
  });

  it("gets its box in one up", async () => {
    const output = await program.succeed("up", ...STACK);
    expect(output).toMatch(/forge-sccache created/);
    expect(await fleet.on("forge", "grep -c 2147483648 .config/sccache/config")).toBe("1\n");
    await program.succeed("preview", "--expect-no-changes", ...STACK);
  });

  it("is previewed line by line from then on", async () => {
    await program.succeed("config", "set", "cacheSize", "3GiB", ...STACK);
    const output = await program.succeed("preview", "--diff", ...STACK);
    expect(output).toMatch(/- size = 2147483648\n\s*\+ #.*\n\s*\+ size = 3221225472/);
    await program.succeed("up", ...STACK);
    expect(await fleet.on("forge", "grep -c 3221225472 .config/sccache/config")).toBe("1\n");
  });

  it("is cleaned before it is deleted", async () => {
    await program.succeed("destroy", ...STACK);
    expect(
      await fleet.on("forge", "ls -d .config/sccache/config .local/share/warmbox machine 2>/dev/null || :"),
    ).toBe("");
  });
});
