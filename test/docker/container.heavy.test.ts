/**
 * `service: docker` on a real daemon. The container is declared by `@pulumi/docker`; its plugin cannot be had from the
 * registries that these tests reach, so what is declared is given to docker's own command line, argument by argument
 * (run-flags.ts). The scripts before and after it run as they are. Not proven here: what the plugin makes of the same
 * arguments, and pulling the image of bazel-remote's authors.
 */

import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { basename, dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { dockerReach } from "../../components/bazel-remote-container.ts";
import { hostScript } from "../../host/host-script.ts";
import { probeScript } from "../../host/probe.ts";
import { scriptText } from "../../host/scripts.ts";
import { parseStatus } from "../../ops/status/parse.ts";
import { hostPaths } from "../../plan/paths.ts";
import {
  bazelRemoteContainer,
  bazelRemoteContainerScript,
  bazelRemoteFilesScript,
  type ContainerInput,
} from "../../render/bazel-remote/bazel-remote-container.ts";
import { bazelRemoteScript } from "../../render/bazel-remote/bazel-remote-resource.ts";
import { gib, mib } from "../../stacks/bytes.ts";
import { boxInput } from "../render/box.ts";
import { freePort } from "../support/free-port.ts";
import { demand, type Finished, run } from "../support/process.ts";
import { until } from "../support/until.ts";
import { bootContainer } from "../systemd/container.ts";
import { toolPath } from "../tools.ts";
import { type Engine, makeImage, startEngine } from "./engine.ts";
import { runFlags } from "./run-flags.ts";

const USER = 65532;

let engine: Engine;
let image: string;
let home: string;
let input: ContainerInput;

beforeAll(async () => {
  engine = await startEngine();
  image = await makeImage(engine);
});
afterAll(() => engine?.stop());

beforeEach(async () => {
  home = mkdtempSync("/var/tmp/warmbox-docker-home-");
  const share = join(home, ".local/share/warmbox");
  mkdirSync(share, { recursive: true });
  for (const name of ["warmbox.sh", "supervise.sh"]) writeFileSync(join(share, name), scriptText(name));
  input = await inputOf("local");
});
afterEach(async () => {
  const left = (await engine.docker("ps", "--all", "--quiet")).split("\n").filter(Boolean);
  if (left.length > 0) await engine.docker("rm", "--force", ...left);
  await send(bazelRemoteScript(processInput()), "remove"); // a process that a failed test left
  rmSync(home, { recursive: true, force: true });
});

async function inputOf(owner: string): Promise<ContainerInput> {
  const [http, grpc] = [await freePort(), await freePort()];
  const base = boxInput({
    "bazel-remote": { http_address: `127.0.0.1:${http}`, grpc_address: `127.0.0.1:${grpc}` },
  });
  const { plan } = base;
  return {
    ...base,
    owner,
    paths: hostPaths(base.host, home, join(home, ".cargo")),
    plan: {
      ...plan,
      bazelRemote: {
        ...plan.bazelRemote,
        max_size: gib(3),
        entries: 1000,
        MemoryHigh: mib(300),
        LimitNOFILE: 4321,
        dir: join(home, ".cache/bazel-remote"),
      },
    },
    tools: { ...base.tools, "bazel-remote": await toolPath("bazel-remote") },
    container: {
      name: `warmbox-${owner}-box-bazel-remote`,
      image,
      user: `${USER}:${USER}`,
      owned: true,
    },
  };
}

/** The same host with a supervised process instead. */
function processInput() {
  const { container: _, ...without } = input;
  return { ...without, generation: input.generation + 1 };
}

function send(script: string, word: "apply" | "remove", shell = ["/bin/sh"]): Promise<Finished> {
  return run([...shell, "-s", "--", word], { env: { ...engine.env, HOME: home }, stdin: script });
}

async function applied(script: string): Promise<string> {
  const { code, stderr } = await send(script, "apply");
  if (code !== 0) throw new Error(`apply ended with ${code}:\n${stderr}`);
  return stderr;
}

/** What `up` does with one host, in its order. */
async function up(of = input): Promise<void> {
  await applied(bazelRemoteFilesScript(of));
  await engine.docker("create", ...runFlags(bazelRemoteContainer(of), image));
  await engine.docker("start", of.container.name);
  await applied(bazelRemoteContainerScript(of));
}

async function answer(): Promise<{ MaxSize: number }> {
  const response = await fetch(`http://${input.host["bazel-remote"].http_address}/status`);
  return (await response.json()) as { MaxSize: number };
}

const answers = () =>
  answer().then(
    () => true,
    () => false,
  );

function listens(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      done(true);
    });
    socket.on("error", () => done(false));
  });
}

async function inspected(of = input) {
  return JSON.parse(await engine.docker("inspect", of.container.name))[0];
}

/** What the library says of the difference between ledgers and host, as the probe asks it. */
async function drift(): Promise<string> {
  const script = `. "$HOME/.local/share/warmbox/warmbox.sh"\nobserve\n`;
  return (await send(script, "apply")).stdout;
}

describe("bazel-remote in a container", () => {
  it("serves as declared", async () => {
    await up();
    expect((await answer()).MaxSize).toBe(gib(3));
    const grpc = Number(input.host["bazel-remote"].grpc_address.split(":")[1]);
    expect(await listens(grpc)).toBe(true);
    expect(await listens(6060)).toBe(false); // the profiler of the image's entrypoint
    expect(await listens(8080)).toBe(false);

    const { Id, HostConfig } = await inspected();
    const pid = hostPid(Id);
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    expect(status).toMatch(new RegExp(`^Uid:\\t${USER}\\t${USER}\\t${USER}\\t${USER}$`, "m"));
    expect(status).toMatch(/^CapEff:\t0000000000000000$/m);
    expect(status).toMatch(/^CapBnd:\t0000000000000000$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    const limits = readFileSync(`/proc/${pid}/limits`, "utf8");
    expect(limits).toMatch(/^Max open files +4321 +4321 /m);
    expect(HostConfig).toMatchObject({
      Memory: mib(300),
      MemorySwap: mib(300),
      ReadonlyRootfs: true,
      RestartPolicy: { Name: "unless-stopped" },
      LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
    });
  });

  it("keeps blobs in the host's directory, which belongs to its user, and cannot write its configuration", async () => {
    await up();
    const address = input.host["bazel-remote"].http_address;
    const name = "a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447"; // of "hello world\n"
    const put = await fetch(`http://${address}/cas/${name}`, { method: "PUT", body: "hello world\n" });
    expect(put.status).toBe(200);
    const owner = await demand(["find", input.plan.bazelRemote.dir, "-name", `${name}*`, "-printf", "%U %G"]);
    expect(owner).toBe(`${USER} ${USER}`);
    expect(statSync(input.plan.bazelRemote.dir)).toMatchObject({ uid: USER, mode: 0o40700 });
    const { Id, Mounts } = await inspected();
    const lines = readFileSync(`/proc/${hostPid(Id)}/mountinfo`, "utf8").split("\n");
    const options = (path: string) => lines.find((line) => line.split(" ")[4] === path)?.split(" ")[5];
    expect(options("/")).toMatch(/^ro\b/);
    expect(options(input.paths.bazelRemoteConfig)).toMatch(/^ro\b/);
    expect(options(input.plan.bazelRemote.dir)).toMatch(/^rw\b/);
    expect(
      Mounts.map((one: { Destination: string; RW: boolean }) => [one.Destination, one.RW]).sort(),
    ).toEqual([
      [input.plan.bazelRemote.dir, true],
      [input.paths.bazelRemoteConfig, false],
    ]);
  });

  it("is a service that status knows", async () => {
    await up();
    const asked = hostScript(input.host, ["warmbox.sh", "probe.sh", "status.sh"], "status");
    const { stdout } = await send(asked, "apply");
    const { services } = parseStatus(stdout, input.host);
    expect(services["bazel-remote"]).toMatchObject({
      kind: "container",
      state: "running",
      restarts: 0,
      survivesReboot: true,
    });
  });

  it("ends by itself when asked to, within its time", async () => {
    await up();
    await engine.docker("stop", input.container.name);
    const { State, Config } = await inspected();
    expect(State).toMatchObject({ Status: "exited", ExitCode: 0, OOMKilled: false });
    expect(Config.StopTimeout).toBe(120);
  });

  it("is started again by docker after a crash", async () => {
    await up();
    const { Id, State } = await inspected();
    process.kill(hostPid(Id), "SIGKILL");
    await until("another process", async () => {
      const now = await inspected();
      return now.State.Running && now.State.Pid !== State.Pid && now.RestartCount === 1;
    });
    await until("its answer", answers);
  });

  it("a stopped container is drift, and up starts it again without another one", async () => {
    await up();
    expect(await drift()).not.toContain("-state running");
    const { Id } = await inspected();
    await engine.docker("stop", input.container.name);
    expect(await drift()).toContain("-state running");
    const next = { ...input, generation: input.generation + 1 };
    await applied(bazelRemoteContainerScript(next));
    expect(await answers()).toBe(true);
    expect((await inspected()).Id).toBe(Id);
  });

  it("an error about a container that was removed by hand names the command that creates it again", async () => {
    await up();
    await engine.docker("rm", "--force", input.container.name);
    expect(await drift()).toContain("-state running");
    const next = { ...input, generation: input.generation + 1 };
    const { code, stderr } = await send(bazelRemoteContainerScript(next), "apply");
    expect(code).toBe(78);
    expect(stderr).toMatch(
      /No such container: warmbox-local-box-bazel-remote; next: .*\.\/warmbox up --refresh/,
    );
  });

  it("the probe finds the server where its client has it, and as who logs in", async () => {
    const probed = async (host: ContainerInput["host"]) =>
      (await send(probeScript(host), "apply")).stdout
        .split("\n")
        .filter((line) => line.startsWith("|docker"));
    const host = { ...input.host, service: "docker" } as const;
    expect(await probed(host)).toEqual([
      expect.stringMatching(/^\|docker \d+\.\d+/),
      `|docker_endpoint ${engine.env.DOCKER_HOST}`,
    ]);
    // sudo leaves DOCKER_HOST behind, so the login user's client does not find this server
    const sudo = { kind: "ssh", host: "here", sudo: true, multiplex: true } as const;
    expect((await probed({ ...host, reach: sudo })).join()).not.toContain(engine.env.DOCKER_HOST);
    expect(await probed(input.host), "docker is not asked where the stack does not want it").toEqual([]);
  });

  it("a configuration that it refuses ends the up with its own words", async () => {
    const broken = { ...input, tools: { ...input.tools, "bazel-remote": "" } };
    await applied(bazelRemoteFilesScript(broken));
    writeFileSync(input.paths.bazelRemoteConfig, "dir: /data\n");
    chmodSync(input.paths.bazelRemoteConfig, 0o644);
    await engine.docker("create", ...runFlags(bazelRemoteContainer(input), image));
    await engine.docker("start", input.container.name);
    const { code, stderr } = await send(bazelRemoteContainerScript(input), "apply");
    expect(code).toBe(78);
    expect(stderr).toContain("the 'max_size' flag/key must be set to a value > 0");
    expect(stderr).toContain("service bazel-remote did not start: it keeps ending: failing (ended with 1,");
    expect(stderr).not.toContain("as it was before");
    expect((await inspected()).State.Status).toBe("exited"); // and does not go on failing
  });
});

describe("what it may not do", () => {
  it("fills no disk with its log", async () => {
    const loud = { ...input.host["bazel-remote"], settings: { access_log_level: "all" } };
    const of = { ...input, host: { ...input.host, "bazel-remote": loud } };
    const spec = { ...bazelRemoteContainer(of), logOpts: { "max-size": "10k", "max-file": "3" } };
    await applied(bazelRemoteFilesScript(of));
    await engine.docker("create", ...runFlags(spec, image));
    await engine.docker("start", of.container.name);
    await until("its answer", answers);
    for (let at = 0; at < 600; at++)
      await (await fetch(`http://${loud.http_address}/cas/${"0".repeat(60)}${1000 + at}`)).text();
    const { LogPath } = await inspected();
    const sizes = readdirSync(dirname(LogPath))
      .filter((name) => name.startsWith(basename(LogPath)))
      .map((name) => statSync(join(dirname(LogPath), name)).size);
    expect(sizes.length).toBe(3);
    for (const size of sizes) expect(size).toBeLessThan(11 * 1024);
  });

  it("runs as an ordinary user of the host, with no more rights than that user", async () => {
    const user = 4711;
    await demand(["chown", "-R", `${user}:${user}`, home]);
    const socket = engine.env.DOCKER_HOST.replace("unix://", "");
    await demand(["chmod", "a+rwx", dirname(socket), socket]); // instead of the group docker
    const shell = ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups", "/bin/sh"];
    const of = {
      ...input,
      container: { ...input.container, user: `${user}:${user}`, owned: false },
    };
    const ran = await send(bazelRemoteFilesScript(of), "apply", shell);
    expect(ran).toMatchObject({ code: 0 });
    await engine.docker("create", ...runFlags(bazelRemoteContainer(of), image));
    await engine.docker("start", of.container.name);
    expect(await send(bazelRemoteContainerScript(of), "apply", shell)).toMatchObject({ code: 0 });
    expect(statSync(join(of.plan.bazelRemote.dir, "cas.v2"))).toMatchObject({ uid: user, gid: user });
  });

  it("reads the store's keys from a separate file", async () => {
    const store = {
      ...({ kind: "s3", bucket: "b-1", region: "eu-west-1", prefix: "p", pathStyle: true } as const),
      ...({ credentials: "keys", keysMark: "ab12", url: `http://127.0.0.1:${await freePort()}` } as const),
    };
    const of = { ...input, store };
    mkdirSync(join(home, ".config/warmbox"), { recursive: true });
    writeFileSync(
      join(home, ".config/warmbox/s3-credentials"),
      "[default]\naws_access_key_id = AK\naws_secret_access_key = SK\n",
      { mode: 0o600 },
    );
    await up(of);
    expect((await answer()).MaxSize).toBe(gib(3));
    const copy = statSync(join(home, ".config/warmbox/bazel-remote-container/s3-credentials"));
    expect(copy).toMatchObject({ uid: USER, mode: 0o100600 });
    const told = JSON.stringify(await inspected());
    expect(told).toContain("WARMBOX_S3_KEYS=ab12");
    expect(told).not.toMatch(/\b(AK|SK)\b/);
  });
});

describe("taking turns", () => {
  it("process, container, process: on the same directory, one after the other", async () => {
    await applied(bazelRemoteScript(processInput()));
    const address = input.host["bazel-remote"].http_address;
    const name = "a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447";
    await fetch(`http://${address}/cas/${name}`, { method: "PUT", body: "hello world\n" });
    const held = async () => (await fetch(`http://${address}/cas/${name}`)).text();

    await applied(bazelRemoteFilesScript(input)); // ends the process
    expect(await answers()).toBe(false);
    await engine.docker("create", ...runFlags(bazelRemoteContainer(input), image));
    await engine.docker("start", input.container.name);
    await applied(bazelRemoteContainerScript(input));
    expect(await held()).toBe("hello world\n");

    const output = await applied(bazelRemoteScript(processInput())); // Pulumi deletes the container only after this
    expect(output).toContain("is held by a container of warmbox: stopping it");
    expect((await inspected()).State.Status).toBe("exited");
    expect(await held()).toBe("hello world\n");
    await send(bazelRemoteContainerScript(input), "remove");
    await engine.docker("rm", input.container.name);
    expect(await held()).toBe("hello world\n");
  });

  it("another stack's container on the same directory stops first", async () => {
    await up();
    const other: ContainerInput = {
      ...input,
      owner: "s3",
      container: { ...input.container, name: "warmbox-s3-box-bazel-remote" },
    };
    await up(other);
    expect((await inspected()).State.Status).toBe("exited");
    expect(await inspected(other)).toMatchObject({ State: { Status: "running" }, RestartCount: 0 });
    expect(await answers()).toBe(true);
  });

  it("remove leaves nothing running, and the cache where it was not made by warmbox", async () => {
    await up();
    await send(bazelRemoteContainerScript(input), "remove");
    expect((await inspected()).State).toMatchObject({ Status: "exited", ExitCode: 0 });
    await engine.docker("rm", input.container.name);
    expect((await send(bazelRemoteFilesScript(input), "remove")).code).toBe(0);
    await demand(["test", "!", "-e", input.paths.bazelRemoteConfig]);
  });
});

describe("over ssh", () => {
  it("the server of a host answers by the user's ssh and the options that the program declares", async () => {
    const socket = engine.env.DOCKER_HOST.replace("unix://", "");
    const client = dirname(
      await demand(["sh", "-c", "command -v docker"], { env: engine.env }).then((at) => at.trim()),
    );
    const host = await bootContainer({ [dirname(socket)]: "/opt/server", [client]: "/opt/client" });
    try {
      // on the host: docker where sshd's PATH has it, the server's socket where docker looks for it
      const links =
        "ln -s /opt/client/docker /usr/local/bin/docker; ln -s /opt/server/docker.sock /run/docker.sock";
      await host.demand(["sh", "-ec", links]);
      await demand(["chmod", "a+rwx", dirname(socket), socket]); // instead of the group docker
      const reach = {
        kind: "ssh",
        host: host.ssh.host,
        user: host.ssh.user,
        sudo: false,
        multiplex: false,
      } as const;
      const declared = dockerReach({ reach });
      // docker's command line has no flag for sshOpts, which it and the plugin hand to the same `ssh`
      const front = [
        "#!/bin/sh",
        `exec /usr/bin/ssh -F ${host.ssh.config} ${(declared.sshOpts as string[]).join(" ")} "$@"`,
      ];
      mkdirSync(join(home, "bin"));
      writeFileSync(join(home, "bin/ssh"), `${front.join("\n")}\n`, { mode: 0o755 });
      const env = { HOME: home, PATH: `${home}/bin:${engine.env.PATH}` };
      const asked = ["info", "--format", "{{.ID}}"];
      const there = await demand(["docker", "--host", String(declared.host), ...asked], { env });
      expect(there).toBe(await engine.docker(...asked));
    } finally {
      await host.stop();
    }
  });
});

/** The daemon has a separate PID namespace: this is the container's process id on the machine, by its control group. */
function hostPid(id: string): number {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && cgroups(name).includes(id));
  if (pids.length !== 1) throw new Error(`${pids.length} processes in container ${id}`);
  return Number(pids[0]);
}

function cgroups(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, "utf8");
  } catch {
    return ""; // it ended meanwhile
  }
}
