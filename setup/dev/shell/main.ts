/** Command line of the shell programs' format (shfmt) and lint (ShellCheck). */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { format } from "@wasm-fmt/shfmt";
import { placeOf, type ShellFile, type ShellProgram, shellFiles, shellPrograms } from "./programs.ts";
import { obtainShellCheck } from "./shellcheck.ts";

const HELP = `Usage: node setup/dev/shell/main.ts [--write]

Checks the format and the code of the shell programs that git tracks. Exits with 1 on a problem.

  --write  format the files instead
`;

const ROOT = resolve(import.meta.dirname, "../../..");

/** As .editorconfig has it for shfmt. */
const FORMAT = { indent: 2, switchCaseIndent: true };

const formatted = ({ file, text, shell }: ShellFile): string =>
  format(text, `${file}${shell === "bash" ? ".bash" : ".sh"}`, FORMAT);

/** Writes each file in the project's format. */
function write(files: readonly ShellFile[]): void {
  for (const file of files) {
    const text = formatted(file);
    if (text !== file.text) writeFileSync(join(ROOT, file.file), text);
  }
}

/** Its warnings are not fixed yet. */
const PENDING = "host/scripts/warmbox/";

/** ShellCheck's finding, as its JSON output has it. */
type Finding = { line: number; column: number; code: number; message: string };

/** `FILE:LINE: message [CODE]` of each finding in the program's own files. */
function lint(shellcheck: string, { files, parts }: ShellProgram): string[] {
  const dialect = parts[0]?.shell ?? "dash";
  const { stdout, stderr } = spawnSync(
    shellcheck,
    ["--norc", "--shell", dialect, "--severity", "warning", "--format", "json", "-"],
    { input: files.map(({ text }) => text).join(""), encoding: "utf8", maxBuffer: 64 * 1024 * 1024 },
  );
  if (stdout === "") throw new Error(`${shellcheck} printed no report: ${stderr}`);
  return (JSON.parse(stdout) as Finding[]).flatMap(({ line, code, message }) => {
    const place = placeOf(files, line);
    return parts.some(({ file }) => file === place.file && !file.startsWith(PENDING))
      ? [`${place.file}:${place.line}: ${message} [SC${code}]`]
      : [];
  });
}

async function main(args: readonly string[]): Promise<number> {
  if (args.some((arg) => arg !== "--write")) {
    process.stdout.write(HELP);
    return args.includes("--help") ? 0 : 2;
  }
  const files = shellFiles(ROOT);
  if (args.includes("--write")) write(files);
  const shellcheck = args.includes("--write") ? undefined : await obtainShellCheck();
  const problems =
    shellcheck === undefined
      ? []
      : [
          ...files
            .filter((file) => formatted(file) !== file.text)
            .map(({ file }) => `${file}: not as shfmt writes it; next: ./warmbox format`),
          ...shellPrograms(files).flatMap((program) => lint(shellcheck, program)),
        ];
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  return problems.length > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
