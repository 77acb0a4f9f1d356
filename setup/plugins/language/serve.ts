/**
 * Puts the language host's methods on the wire: what up, preview, refresh, destroy, stack, install and about
 * need. Protocol: https://github.com/pulumi/pulumi/blob/v3.259.0/proto/pulumi/language.proto
 */
import { execFile, spawn } from "node:child_process";
import { createRequire } from "node:module";
import type * as LanguageRpc from "@pulumi/pulumi/proto/language_grpc_pb.js";
import type * as LanguageMessages from "@pulumi/pulumi/proto/language_pb.js";
import type * as PluginMessages from "@pulumi/pulumi/proto/plugin_pb.js";
import type * as EmptyMessages from "google-protobuf/google/protobuf/empty_pb.js";
import { findOnPath } from "../../../tools/base.mjs";
import { PULUMI_VERSION } from "../../pulumi/versions.ts";
import { engineAddress, fromStruct, grpc, serve, statusOf, unary, unimplemented } from "../grpc.ts";
import { readOptions } from "./options.ts";
import { dependencies, neededPlugins } from "./packages.ts";
import { runProgram } from "./program.ts";

const require = createRequire(import.meta.url);
const rpc = require("@pulumi/pulumi/proto/language_grpc_pb.js") as typeof LanguageRpc;
const messages = require("@pulumi/pulumi/proto/language_pb.js") as typeof LanguageMessages;
const plugin = require("@pulumi/pulumi/proto/plugin_pb.js") as typeof PluginMessages;
const { Empty } = require("google-protobuf/google/protobuf/empty_pb.js") as typeof EmptyMessages;

const cancelled = new AbortController();
let engine = engineAddress(process.argv.slice(2)) ?? "";

const implementation: LanguageRpc.ILanguageRuntimeServer = {
  handshake: unary((request) => {
    engine = request.getEngineAddress() || engine;
    return new messages.LanguageHandshakeResponse();
  }),
  getPluginInfo: unary(() => new plugin.PluginInfo().setVersion(PULUMI_VERSION)),
  getRequiredPlugins: unary(() => unimplemented("GetRequiredPlugins")),
  getRequiredPackages: unary((request) => {
    const needs = neededPlugins(request.getInfo()?.getProgramDirectory() ?? ".");
    const packages = needs.map(({ name, version, server }) =>
      new plugin.PackageDependency().setName(name).setKind("resource").setVersion(version).setServer(server),
    );
    return new messages.GetRequiredPackagesResponse().setPackagesList(packages);
  }),
  run: unary(async (request) => {
    const { error, bail } = await runProgram(programRun(request), cancelled.signal);
    return new messages.RunResponse().setError(error).setBail(bail);
  }),
  installDependencies: (call) => {
    install(call).then(
      () => call.end(),
      (error: unknown) => call.emit("error", statusOf(error)),
    );
  },
  about: unary(async (request) => {
    const options = readOptions(fromStruct(request.getInfo()?.getOptions()));
    const manager = options.packagemanager === "auto" ? "npm" : options.packagemanager;
    const [version, managerVersion] = await Promise.all([versionOf("node"), versionOf(manager)]);
    const response = new messages.AboutResponse().setExecutable(nodePath()).setVersion(version);
    response.getMetadataMap().set("packagemanager", manager).set("packagemanagerVersion", managerVersion);
    return response;
  }),
  getProgramDependencies: unary((request) => {
    const packages = dependencies(
      request.getInfo()?.getProgramDirectory() ?? ".",
      request.getTransitivedependencies(),
    );
    return new messages.GetProgramDependenciesResponse().setDependenciesList(
      packages.map(({ name, version }) => new messages.DependencyInfo().setName(name).setVersion(version)),
    );
  }),
  runtimeOptionsPrompts: unary(() => new messages.RuntimeOptionsResponse()),
  template: unary(() => new messages.TemplateResponse()),
  cancel: unary(() => {
    cancelled.abort();
    return new Empty();
  }),
  runPlugin: (call) => call.emit("error", notHere("RunPlugin")),
  generateProgram: unary(() => unimplemented("GenerateProgram")),
  generateProject: unary(() => unimplemented("GenerateProject")),
  generatePackage: unary(() => unimplemented("GeneratePackage")),
  pack: unary(() => unimplemented("Pack")),
  link: unary(() => unimplemented("Link")),
};

function notHere(method: string): object {
  const details = `${method} needs Pulumi's released nodejs language host; warmbox's fallback plugin, used if that cannot be downloaded, does not have it`;
  return { code: grpc.status.UNIMPLEMENTED, details };
}

function programRun(request: LanguageMessages.RunRequest): Parameters<typeof runProgram>[0] {
  const info = request.getInfo();
  return {
    monitor: request.getMonitorAddress(),
    engine,
    organization: request.getOrganization(),
    project: request.getProject(),
    stack: request.getStack(),
    rootDirectory: info?.getRootDirectory() ?? "",
    programDirectory: info?.getProgramDirectory() ?? request.getPwd(),
    entryPoint: info?.getEntryPoint() ?? request.getProgram(),
    args: request.getArgsList(),
    dryRun: request.getDryrun(),
    parallel: request.getParallel(),
    config: Object.fromEntries(request.getConfigMap().toArray()),
    secretKeys: request.getConfigsecretkeysList(),
    options: fromStruct(info?.getOptions()),
  };
}

type InstallCall = Parameters<LanguageRpc.ILanguageRuntimeServer["installDependencies"]>[0];

/** `pulumi install`: the package manager's own install, its output passed on as it comes. */
async function install(call: InstallCall): Promise<void> {
  const info = call.request.getInfo();
  const { packagemanager } = readOptions(fromStruct(info?.getOptions()));
  const manager = packagemanager === "auto" ? "npm" : packagemanager;
  const send = (chunk: Buffer | string): void => {
    call.write(new messages.InstallDependenciesResponse().setStdout(Buffer.from(chunk)));
  };
  send("Installing dependencies...\n\n");
  const child = spawn(manager, ["install"], {
    cwd: info?.getProgramDirectory() ?? ".",
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.on("data", send);
  child.stderr.on("data", (chunk: Buffer) => {
    call.write(new messages.InstallDependenciesResponse().setStderr(chunk));
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`${manager} install failed with exit status ${code}`);
  send("Finished installing dependencies\n\n");
}

/** The `node` that programs run with: the first on PATH. */
function nodePath(): string {
  return findOnPath("node") ?? "node";
}

function versionOf(program: string): Promise<string> {
  return new Promise((resolve) =>
    execFile(program, ["--version"], (error, stdout) => resolve(error ? "" : stdout.trim())),
  );
}

await serve((server) => server.addService(rpc.LanguageRuntimeService, implementation), cancelled);
