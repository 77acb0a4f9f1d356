import { describe, expect, it } from "vitest";
import { proofResourceScript, proofWords } from "../../render/proof-resource.ts";
import { boxInput } from "./box.ts";
import { fileOf, run, temporaryDirectory } from "./daemon.ts";

const SHELLS = [["dash"], ["bash"], ["busybox", "sh"]];

/** A `prove` that answers what a test wants; the real one is run by test/client and test/e2e. */
const answering = (...lines: string[]): string =>
  `prove() {\ncat <<'ANSWER'\n${lines.join("\n")}\nANSWER\n}\n`;

async function told(prove: string, word: string, shell: string[]) {
  const script = await fileOf(
    await temporaryDirectory(),
    "script",
    proofResourceScript(prove, "0123", boxInput()),
  );
  const { code, stdout, stderr } = await run([...shell, script, word]);
  return { code, stdout, stderr };
}

describe.each(SHELLS)("the proof's script under %s", (...shell) => {
  it("passes where every tier hits or is skipped, and prints what was seen", async () => {
    const prove = answering(
      "@@warmbox prove sccache proved",
      "|fact 2 of 2 hit",
      "@@warmbox prove moon skipped",
      "|cause no moon",
      "@@warmbox end",
    );
    expect(await told(prove, "apply", shell)).toEqual({
      code: 0,
      stdout: "tier sccache proved\nfact 2 of 2 hit\ntier moon skipped\ncause no moon\n",
      stderr: "",
    });
  });

  it("fails with the tier, its cause and the next step", async () => {
    const prove = answering(
      "@@warmbox prove sccache failed",
      "|cause the server has another size",
      "|next run up",
      "@@warmbox prove moon proved",
      "@@warmbox end",
    );
    const said = await told(prove, "apply", shell);
    expect(said.code).toBe(79);
    expect(said.stderr).toBe(
      "warmbox: sccache does not hit:\n  the server has another size\n  Next: run up\n",
    );
  });

  it("does not take an answer that was cut short for a proof", async () => {
    const said = await told(answering("@@warmbox prove sccache proved"), "apply", shell);
    expect(said).toMatchObject({
      code: 70,
      stderr: "warmbox: the proof was cut short. Next: run the same command again.\n",
    });
  });

  it("has nothing to remove", async () => {
    expect(await told("prove() { echo run; exit 1; }\n", "remove", shell)).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
  });
});

describe("proofWords", () => {
  const names = (declared: Record<string, unknown>): string[] =>
    proofWords(boxInput(declared)).map((word) => word.replace(/=.*/s, ""));

  it("leaves out a tier that the stack has not", () => {
    expect(names({ moon: { enabled: false } })).toEqual([
      ...["cargo_home", "sccache", "port", "max_cache_size", "wrapper", "conf", "cache"],
    ]);
    expect(names({ sccache: { enabled: false }, moon: { enabled: false } })).toEqual(["cargo_home"]);
  });

  it("holds every size against the plan", () => {
    const { plan } = boxInput();
    expect(proofWords(boxInput())).toContain(`max_cache_size=${plan.sccache.max_size}`);
  });
});
