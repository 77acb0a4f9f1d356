/** A temporary home, ports and copy of the project, in which commands are run for the documentation. */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Ports of the daemons, as a stack file names them by default. */
const DEFAULT_PORTS = { sccache: 4226, http: 9090, grpc: 9092 } as const;

type Ports = Readonly<Record<keyof typeof DEFAULT_PORTS, number>>;

/** Variables of the caller that change what the commands print. */
const REMOVED = /^(CI$|PULUMI_|CARGO|RUSTC|RUSTFLAGS|SCCACHE_|MOON_|XDG_|VITEST|NODE_OPTIONS|FORCE_COLOR)/;

/** Keys of a host in a stack file. */
export type HostInput = Readonly<Record<string, object>>;

/** Where commands run. The user's cache of tools is shared, so that nothing is downloaded or built. */
export type DocsBox = {
  readonly home: string;
  readonly project: string;
  /** Writes the file of a stack with one host. */
  writeStack(stack: string, name: string, host: HostInput): void;
  /** Runs `./warmbox ARGUMENTS` and resolves with its normalised stdout, or with stderr too. */
  run(args: readonly string[], withStderr?: boolean): Promise<string>;
  remove(): void;
};

/** Makes a box below the temporary directory from the work tree at `root`. */
export async function makeDocsBox(root: string): Promise<DocsBox> {
  const folder = mkdtempSync(join(tmpdir(), "warmbox-docs-"));
  const [home, project] = [join(folder, "home"), join(folder, "project")];
  for (const directory of [home, project]) mkdirSync(directory);
  copyTree(root, project);
  const ports: Ports = { sccache: await freePort(), http: await freePort(), grpc: await freePort() };
  const env = environment(home);
  return {
    home,
    project,
    writeStack: (stack, name, host) =>
      writeFileSync(join(project, `stacks/Pulumi.${stack}.yaml`), stackText(ports, name, host)),
    run: async (args, withStderr = false) => {
      const argv = [process.execPath, "setup/run.mjs", ...args];
      const output = await outputOf(argv, project, env, withStderr);
      return withoutPorts(
        ports,
        output.replaceAll(project, "/home/you/warmbox").replaceAll(home, "/home/you"),
      );
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function copyTree(root: string, project: string): void {
  const files = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
  });
  const archive = execFileSync("tar", ["--null", "--ignore-failed-read", "-T", "-", "-cf", "-"], {
    cwd: root,
    input: files,
    maxBuffer: 256 * 1024 * 1024,
    stdio: ["pipe", "pipe", "ignore"],
  });
  execFileSync("tar", ["-xf", "-", "-C", project], { input: archive });
  symlinkSync(join(root, "node_modules"), join(project, "node_modules"));
}

function environment(home: string): NodeJS.ProcessEnv {
  const variables = Object.entries(process.env).filter(([name]) => !REMOVED.test(name));
  return {
    ...Object.fromEntries(variables),
    HOME: home,
    PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ""}`,
    RUSTUP_HOME: process.env.RUSTUP_HOME ?? join(homedir(), ".rustup"),
    XDG_CACHE_HOME: process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"),
  };
}

function stackText(ports: Ports, name: string, host: HostInput): string {
  const address = (port: number): string => `127.0.0.1:${port}`;
  const daemons = {
    sccache: { port: ports.sccache, ...host.sccache },
    "bazel-remote": {
      ...{ http_address: address(ports.http), grpc_address: address(ports.grpc) },
      ...host["bazel-remote"],
    },
  };
  // JSON is YAML
  return JSON.stringify({ config: { "warmbox:hosts": { [name]: { ...host, ...daemons } } } });
}

function withoutPorts(ports: Ports, text: string): string {
  return Object.entries(DEFAULT_PORTS).reduce(
    (result, [name, port]) => result.replaceAll(String(ports[name as keyof Ports]), String(port)),
    text,
  );
}

function outputOf(
  argv: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  withStderr: boolean,
): Promise<string> {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    errors += chunk;
    if (withStderr) output += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (output === "") reject(new Error(`${argv.join(" ")}: exit ${code}, no output\n${errors}`));
      else resolve(output);
    });
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
