import { z } from 'zod'
import {
  type CallContext,
  type ChatEvent,
  type ChatRequest,
  definePlugin,
  fail,
  finished,
  FinishReason,
  type ModelInit,
  reasoningDelta,
  refuseDropped,
  started,
  textDelta,
  toolCallDelta,
  type TranscribeInit,
  type TranscribeRequest,
  usage,
  usageEvent,
} from '#provider'
import { type Answer, answerTo, countPrompt, idOf, type Segment } from './answer.ts'
import { embed } from './embed.ts'
import { failAtOnce, statusError, suffer } from './faults.ts'
import { generateImages } from './images.ts'
import { infer } from './infer.ts'
import { exampleModels, type Fault, modelPatterns, mostTokens, readModel, type SimulatedModel } from './models.ts'
import { pace } from './pace.ts'
import { synthesize } from './speech.ts'
import { lorem, tokensOf } from './tokens.ts'
import { transcriptOf } from './transcript.ts'
import { createVideo, downloadVideo, getVideo } from './video.ts'

/** Answers without any network, deterministically, and says so; see README.md for its models. For tests, demos and drills. */
export default definePlugin({
  manifest: {
    type: 'simulator',
    contract: 'switchyard.v1',
    title: 'Simulator',
    models: modelPatterns,
    settings: z.strictObject({}),
    builtIn: true,
    defaultModel: 'echo',
  },
  create: () => ({
    chat,
    countTokens,
    embed,
    generateImages,
    transcribe,
    synthesize,
    createVideo,
    getVideo,
    downloadVideo,
    infer,
    listModels,
  }),
})

type Batch = readonly ChatEvent[]

async function* listModels(): AsyncGenerator<ModelInit, void, void> {
  for (const id of exampleModels) {
    yield {
      id,
      operations: ['chat', 'generate', 'embed', 'generateImages', 'transcribe', 'synthesize', 'infer'],
      inputModalities: ['text'],
      outputModalities: ['text'],
      ownedBy: 'switchyard',
    }
  }
}

/** As many as an answer to the request would say it read. */
async function countTokens(request: ChatRequest): Promise<{ inputTokens: number; dropped: string[] }> {
  const { fault } = readModel(request.model)
  const dropped = droppedOf(request)
  refuseDropped(request, dropped)
  if (fault?.kind === 'status') throw statusError(fault.status)
  return { inputTokens: countPrompt(request), dropped }
}

/** What is heard in a recording. A model with a fault has it here as well, before anything is said. */
async function transcribe(request: TranscribeRequest, { signal }: CallContext): Promise<TranscribeInit> {
  const { fault } = readModel(request.model)
  const dropped = request.source?.untranslated ?? []
  refuseDropped(request, dropped)
  if (fault?.kind === 'status') throw statusError(fault.status)
  if (fault !== undefined) await suffer(fault.kind === 'silence' ? { kind: 'hang', after: 0 } : fault, signal)
  return transcriptOf(request, dropped)
}

async function* chat(request: ChatRequest, context: CallContext): AsyncGenerator<Batch, void, void> {
  const model = readModel(request.model)
  refuseLogprobs(request)
  const dropped = droppedOf(request)
  refuseDropped(request, dropped)
  context.signal.throwIfAborted()
  const { fault } = model
  await failAtOnce(fault, context.signal)
  const batches = fault === undefined ? answerBatches(request, model, dropped) : faultBatches(request, fault, dropped)
  const paced = pace(batches, model.tokensPerSecond, context.signal)
  if (context.streaming) yield* paced
  else {
    const all: ChatEvent[] = []
    for await (const batch of paced) for (const event of batch) all.push(event)
    if (fault === undefined) yield all
  }
  if (fault !== undefined) await suffer(fault, context.signal)
}

/** Log probabilities would be missing from the answer, so asking for them is a mistake and not a wish. */
function refuseLogprobs({ logprobs, topLogprobs = 0 }: ChatRequest): void {
  if (logprobs !== true && topLogprobs === 0) return
  const param = logprobs === true ? 'logprobs' : 'top_logprobs'
  throw fail('unsupported_field', `the simulator does not have ${param}`, { param })
}

/** Paths of what the client wants and the simulator has not got. */
function droppedOf(request: ChatRequest): string[] {
  const dropped = [...(request.source?.untranslated ?? [])]
  if (request.modalities.some((modality) => modality !== 'text')) dropped.push('modalities')
  if (request.audio !== undefined) dropped.push('audio')
  for (const [index, tool] of request.tools.entries())
    if (tool.kind.case === 'provider') dropped.push(`tools[${index}]`)
  return dropped
}

// ------------------------------------------------------------------------------------------------------------ faults

/** What comes before the fault. */
function faultBatches(request: ChatRequest, fault: Fault, dropped: readonly string[]): Batch[] {
  const count = 'after' in fault ? fault.after : 0
  return [[start(request, dropped)], ...tokensOf(lorem(count, 0)).map((token) => [textDelta(token)])]
}

// ----------------------------------------------------------------------------------------------------------- answers

function start(request: ChatRequest, dropped: readonly string[]): ChatEvent {
  return started({
    id: `sim-${idOf(request)}`,
    model: request.model,
    created: BigInt(Math.floor(Date.now() / 1000)),
    dropped: [...dropped],
    systemFingerprint: 'simulated',
  })
}

function answerBatches(request: ChatRequest, model: SimulatedModel, dropped: readonly string[]): Batch[] {
  const id = idOf(request)
  const limit = request.maxOutputTokens ?? Number.POSITIVE_INFINITY
  const count = Math.max(1, request.n ?? 1)
  if (count * (model.filler ?? 1) > mostTokens) {
    throw fail('invalid_request', `all choices together may have ${mostTokens} simulated tokens`, { param: 'n' })
  }
  const choices = Array.from({ length: count }, (_, choice) =>
    said(answerTo(request, model, choice, id), limit, choice),
  )
  const deltas = choices.map((choice) => choice.deltas)
  const longest = Math.max(...deltas.map((choice) => choice.length))
  const steps = Array.from({ length: longest }, (_, step) => deltas.flatMap((choice) => choice.slice(step, step + 1)))
  const spent = usage({
    inputTokens: countPrompt(request),
    outputTokens: deltas.flat().length,
    reasoningTokens: deltas.flat().filter(({ event }) => event.case === 'reasoningDelta').length,
  })
  return [[start(request, dropped)], ...steps, [...choices.map((choice) => choice.end), usageEvent(spent)]]
}

/** An answer as it is said: one delta for each token, as many as the limit allows, and how it ended. */
function said({ segments, reason, stopSequence }: Answer, limit: number, choice: number) {
  const calls = segments.filter(({ kind }) => kind === 'call')
  const whole = segments.flatMap((segment) => deltasOf(segment, calls.indexOf(segment), choice))
  const end =
    whole.length > limit
      ? finished({ reason: FinishReason.LENGTH, upstreamReason: 'length' }, choice)
      : finished({ reason, upstreamReason: reason === FinishReason.STOP ? 'stop' : 'tool_calls', stopSequence }, choice)
  return { deltas: whole.slice(0, limit), end }
}

function deltasOf(segment: Segment, index: number, choice: number): ChatEvent[] {
  if (segment.kind === 'call') {
    const { id, name, custom, input } = segment
    const pieces = tokensOf(input).map((argumentsJson) => toolCallDelta({ index, argumentsJson, custom }, choice))
    return [toolCallDelta({ index, id, name, custom }, choice), ...pieces]
  }
  const tokens = tokensOf(segment.text)
  return segment.kind === 'text' ? tokens.map((token) => textDelta(token, choice)) : reasoningDeltas(tokens, choice)
}

/** The last delta is signed, as vendors do who want their reasoning back unchanged. */
function reasoningDeltas(tokens: readonly string[], choice: number): ChatEvent[] {
  const value = `sealed-${tokens.length}`
  const signature = { $typeName: 'switchyard.v1.Signature' as const, vendor: 'simulator', value }
  return tokens.map((text, index) =>
    reasoningDelta(index === tokens.length - 1 ? { text, signature } : { text }, choice),
  )
}
