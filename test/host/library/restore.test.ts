import { describe, expect, onTestFinished, test } from "vitest";
import type { Finished } from "../../support/process.ts";
import { heredoc, LIBRARY, TestHost } from "./host.ts";
import { type Shell, shells } from "./shells.ts";

const CARGO = ".cargo/config.toml";
const WHY = "a failed proof: sccache: nothing is stored";

/** A resource with every kind of line about files, in one of its versions. */
const body = (version: string) => `
directory .cache/demo 0700
put .config/demo.yaml 0640 ${heredoc(`size: ${version}\n`)}
put .config/${version}-alone 0644 ${heredoc(`only in ${version}\n`)}
include ${CARGO} warmbox.toml
block .profile env ${heredoc(`export WARM=${version}\n`)}`;

function hostOf(shell: Shell): TestHost {
  const host = new TestHost(shell);
  onTestFinished(() => host.dispose());
  host.write(CARGO, "# mine\n");
  host.write(".profile", "umask 022");
  return host;
}

const calls = (host: TestHost, ...lines: string[]): Promise<Finished> =>
  host.run(`. '${LIBRARY}' || exit 69\n${lines.join("\n")}\n`, []);
const files = (host: TestHost) =>
  Object.fromEntries(Object.entries(host.contents()).filter(([path]) => !path.startsWith(".local")));

describe.each(shells())("restore, $name", (shell) => {
  test("brings back what was proved, under a generation that no state holds", async () => {
    const host = hostOf(shell);
    await host.apply(body("one"), { generation: 7 });
    const proved = files(host);
    expect(await calls(host, "proved demo other")).toMatchObject({ code: 0, stderr: "" });
    await host.apply(body("two"), { generation: 7 });
    await host.apply(body("three"), { generation: 7 });
    const unproved = files(host);
    const restored = await calls(host, `restore demo '${WHY}'`);
    expect(restored).toMatchObject({ code: 0, stdout: "demo: put back to what was proved last\n" });
    expect(files(host)).toEqual(proved);
    expect((await host.observe()).stdout).toContain(
      `@@warmbox ledger demo owner=local generation=8\n@@warmbox note demo\n|demo was put back to its last proved configuration, after ${WHY}; up tries the stack's own again.\n`,
    );
    expect(await host.apply(body("three"), { generation: 8 })).toMatchObject({ code: 0, stderr: "" });
    expect(files(host)).toEqual(unproved);
    expect((await host.observe()).stdout).not.toContain("put back");
    await calls(host, `restore demo '${WHY}'`);
    expect(files(host), "as often as a proof fails").toEqual(proved);
    const before = await host.remove(body("three"), { generation: 9 });
    expect(before).toMatchObject({ code: 0, stderr: "" });
    expect(files(host)).toMatchObject({ [CARGO]: { text: "# mine\n" }, ".profile": { text: "umask 022" } });
  });

  test("leaves in place what was never proved, what has not changed, and what no copy is kept of", async () => {
    const host = hostOf(shell);
    await host.apply(body("one"));
    expect((await calls(host, `restore demo '${WHY}'`)).stdout).toBe(
      "demo: no earlier configuration was ever proved here: the new one stays in place\n",
    );
    await calls(host, "proved demo");
    await host.apply(body("one"), { generation: 2 });
    expect((await calls(host, `restore demo '${WHY}'`)).stdout).toBe(
      "demo: its configuration is the one that was proved last: nothing to put back\n",
    );
    const secret = (text: string) => `put keys 0600 secret ${heredoc(text)}`;
    await host.apply(secret("one"), { name: "keys" });
    await calls(host, "proved keys");
    await host.apply(secret("two"), { name: "keys" });
    const refused = await calls(host, `restore keys '${WHY}'`);
    expect(refused.code).toBe(65);
    expect(refused.stderr).toContain(
      "keys is secret, and no copy of it is kept. Next: set the secret it had before, and run up.",
    );
    expect(host.read("keys")).toBe("two\n");
  });

  test("forgets what was proved where the proof is no part of the stack any more", async () => {
    const host = hostOf(shell);
    await host.apply(body("one"));
    await calls(host, "proved demo");
    await calls(host, "unproved another");
    expect(host.read(".local/state/warmbox/demo/proved")).toBeDefined();
    await calls(host, "unproved local");
    expect(host.read(".local/state/warmbox/demo/proved")).toBeUndefined();
  });
});
