/** Everything a plugin may use. Plugins import this as `#provider` and nothing else of the gateway. */
export { FinishReason, Role, ToolChoice_Mode } from '#gen/switchyard/v1/chat_pb.ts'
export type { SynthesizeRequest, TranscribeRequest } from '#gen/switchyard/v1/audio_pb.ts'
export { JobStatus } from '#gen/switchyard/v1/video_pb.ts'
export type { CreateVideoRequest, DownloadVideoRequest, GetVideoRequest } from '#gen/switchyard/v1/video_pb.ts'
export type { ChatEvent, ChatRequest, Message, Part } from '#gen/switchyard/v1/chat_pb.ts'
export type { EmbedRequest } from '#gen/switchyard/v1/embedding_pb.ts'
export type { InferRequest } from '#gen/switchyard/v1/infer_pb.ts'
export type { GenerateImagesRequest } from '#gen/switchyard/v1/image_pb.ts'
export { pixelsOf, refuseLinks, uncarriedImageOptions } from '../dialects/pictures.ts'
export { formatAmong, speechMediaType } from '../dialects/speech.ts'
export { noteDetail, uncarriedOptions } from '../dialects/uncarried.ts'
export { problemOf, retryAfter, upstreamError } from '../dialects/upstream.ts'
export type { UpstreamProblem } from '../dialects/upstream.ts'
export { fail, GatewayError } from '../error/index.ts'
export { collect, spell } from '../model/collect.ts'
export * from '../model/events.ts'
export { inferredChunk } from '../model/inferred.ts'
export { soundOf } from '../model/sound.ts'
export * from '../model/usage.ts'
export { wavHead } from '../model/wav.ts'
export * from '../dialects/clients.ts'
export { byModel } from './by-model.ts'
export { compatible, compatibleSettings } from './compatible.ts'
export type { CompatibleSettings, Vendor } from './compatible.ts'
export type { GenericEndpoint } from './generic-endpoint.ts'
export { completeEvents } from './complete.ts'
export { definePlugin } from './contract.ts'
export type {
  CallContext,
  DownloadVideoInit,
  VideoInit,
  ChatEventInit,
  Credential,
  EmbedInit,
  GenerateImagesInit,
  Host,
  Logger,
  Manifest,
  InferEventInit,
  ModelInit,
  Plugin,
  Provider,
  ProviderSettings,
  TranscribeInit,
  SynthesizeEventInit,
} from './contract.ts'
export { inlineMedia } from './media.ts'
export type { InlinedRequest, MediaContext, NeedsBytes } from './media.ts'
export { remoteProvider } from './remote.ts'
export type { RemoteOptions } from './remote.ts'
export { Secret } from './secret.ts'
export { serveProvider } from './serve.ts'
export type { ServeOptions } from './serve.ts'
export { upstreamProvider } from './upstream.ts'
export { refuseDropped } from './upstream-http.ts'
export type { Outgoing, Upstream } from './upstream-http.ts'
