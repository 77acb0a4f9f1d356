/** Puts the provider's methods on the wire. */
import { createRequire } from "node:module";
import type * as EngineRpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import type * as EngineMessages from "@pulumi/pulumi/proto/engine_pb.js";
import type * as PluginMessages from "@pulumi/pulumi/proto/plugin_pb.js";
import type * as ProviderRpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type * as ProviderMessages from "@pulumi/pulumi/proto/provider_pb.js";
import type * as EmptyMessages from "google-protobuf/google/protobuf/empty_pb.js";
import { engineAddress, fromStruct, grpc, RpcError, serve, toStruct, unary, unimplemented } from "../grpc.ts";
import type { Failure } from "./inputs.ts";
import * as provider from "./provider.ts";
import type { LineSink } from "./run.ts";
import { schemaText } from "./schema.ts";

const require = createRequire(import.meta.url);
const rpc = require("@pulumi/pulumi/proto/provider_grpc_pb.js") as typeof ProviderRpc;
const messages = require("@pulumi/pulumi/proto/provider_pb.js") as typeof ProviderMessages;
const plugin = require("@pulumi/pulumi/proto/plugin_pb.js") as typeof PluginMessages;
const { Empty } = require("google-protobuf/google/protobuf/empty_pb.js") as typeof EmptyMessages;

/** Ends every running command; the engine asks for it when the user interrupts. */
const cancelled = new AbortController();
let engine = engineAddress(process.argv.slice(2));

function failureMessages(failures: Failure[]): ProviderMessages.CheckFailure[] {
  return failures.map(({ property, reason }) =>
    new messages.CheckFailure().setProperty(property).setReason(reason),
  );
}

/** Sends a command's output to the engine's status lines, in order; `done` settles when all has arrived. */
function engineLog(urn: string): { sink: LineSink; drained: () => Promise<void> } {
  let last: Promise<void> = Promise.resolve();
  return {
    sink: (line) => {
      last = last.then(() => logLine(urn, line));
    },
    drained: () => last,
  };
}

let engineClient: EngineRpc.EngineClient | undefined;

function logLine(urn: string, line: string): Promise<void> {
  if (engine === undefined) return Promise.resolve();
  const { EngineClient } = require("@pulumi/pulumi/proto/engine_grpc_pb.js") as typeof EngineRpc;
  const { LogRequest, LogSeverity } = require("@pulumi/pulumi/proto/engine_pb.js") as typeof EngineMessages;
  engineClient ??= new EngineClient(engine, grpc.credentials.createInsecure());
  const request = new LogRequest()
    .setSeverity(LogSeverity.INFO)
    .setMessage(line)
    .setUrn(urn)
    .setEphemeral(true);
  // Output that cannot be shown is no reason to fail the command.
  return new Promise((resolve) => engineClient?.log(request, () => resolve()));
}

/** Runs `work` with a log sink and lets the log drain, whatever the outcome. */
async function logged<Result>(urn: string, work: (sink: LineSink) => Promise<Result>): Promise<Result> {
  const log = engineLog(urn);
  try {
    return await work(log.sink);
  } finally {
    await log.drained();
  }
}

const implementation: ProviderRpc.IResourceProviderServer = {
  handshake: unary((request) => {
    engine = request.getEngineAddress() || engine;
    return new messages.ProviderHandshakeResponse()
      .setAcceptSecrets(true)
      .setAcceptResources(true)
      .setAcceptOutputs(true);
  }),
  attach: unary((request) => {
    engine = request.getAddress() || engine;
    return new Empty();
  }),
  getPluginInfo: unary(() => new plugin.PluginInfo().setVersion(provider.COMMAND_VERSION)),
  getSchema: unary(() => new messages.GetSchemaResponse().setSchema(schemaText(provider.COMMAND_VERSION))),
  // The provider has no configuration: the engine then uses the inputs.
  checkConfig: unary(() => unimplemented("CheckConfig")),
  diffConfig: unary(() => unimplemented("DiffConfig")),
  configure: unary(() =>
    new messages.ConfigureResponse()
      .setAcceptsecrets(true)
      .setSupportspreview(true)
      .setAcceptresources(true)
      .setAcceptoutputs(true),
  ),
  parameterize: unary(() => unimplemented("Parameterize")),
  construct: unary(() => unimplemented("Construct")),
  call: unary(() => unimplemented("Call")),
  getMapping: unary(() => unimplemented("GetMapping")),
  getMappings: unary(() => unimplemented("GetMappings")),
  list: (call) => call.emit("error", { code: grpc.status.UNIMPLEMENTED, details: "List is not implemented" }),
  check: unary((request) => {
    const { inputs, failures } = provider.check(request.getUrn(), fromStruct(request.getNews()));
    return new messages.CheckResponse()
      .setInputs(toStruct(inputs))
      .setFailuresList(failureMessages(failures));
  }),
  diff: unary((request) => {
    const changes = provider.diff(
      fromStruct(request.getOlds()),
      fromStruct(request.getNews()),
      request.getIgnorechangesList(),
    );
    return diffResponse(changes);
  }),
  create: unary(async (request) => {
    const { id, properties } = await logged(request.getUrn(), (sink) =>
      provider.create(
        request.getUrn(),
        fromStruct(request.getProperties()),
        request.getPreview(),
        sink,
        cancelled.signal,
      ),
    );
    return new messages.CreateResponse().setId(id).setProperties(toStruct(properties));
  }),
  read: unary((request) =>
    new messages.ReadResponse()
      .setId(request.getId())
      .setProperties(request.getProperties())
      .setInputs(request.getInputs()),
  ),
  update: unary(async (request) => {
    const properties = await logged(request.getUrn(), (sink) =>
      provider.update(
        fromStruct(request.getOlds()),
        fromStruct(request.getNews()),
        request.getPreview(),
        request.getIgnorechangesList(),
        sink,
        cancelled.signal,
      ),
    );
    return new messages.UpdateResponse().setProperties(toStruct(properties));
  }),
  delete: unary(async (request) => {
    await logged(request.getUrn(), (sink) =>
      provider.remove(fromStruct(request.getProperties()), sink, cancelled.signal),
    );
    return new Empty();
  }),
  invoke: unary(async (request) => {
    if (request.getTok() !== provider.RUN_FUNCTION) {
      throw new RpcError(grpc.status.NOT_FOUND, `Invoke '${request.getTok()}' not found`);
    }
    const { result, failures } = await logged("", (sink) =>
      provider.run(fromStruct(request.getArgs()), sink, cancelled.signal),
    );
    return new messages.InvokeResponse()
      .setReturn(toStruct(result))
      .setFailuresList(failureMessages(failures));
  }),
  cancel: unary(() => {
    cancelled.abort();
    return new Empty();
  }),
};

function diffResponse(changes: ReturnType<typeof provider.diff>): ProviderMessages.DiffResponse {
  const { DiffChanges } = messages.DiffResponse;
  const paths = Object.keys(changes);
  const response = new messages.DiffResponse()
    .setChanges(paths.length > 0 ? DiffChanges.DIFF_SOME : DiffChanges.DIFF_NONE)
    .setDiffsList(paths)
    .setReplacesList(paths.filter((path) => changes[path]?.endsWith("_REPLACE")))
    .setHasdetaileddiff(true);
  for (const [path, kind] of Object.entries(changes)) {
    response
      .getDetaileddiffMap()
      .set(path, new messages.PropertyDiff().setKind(messages.PropertyDiff.Kind[kind]));
  }
  return response;
}

await serve((server) => server.addService(rpc.ResourceProviderService, implementation), cancelled);
