import { FinishReason, type ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { GatewayError } from '../error/index.ts'
import { lengthOf } from '../model/length.ts'
import { estimateTokens, usage } from '../model/usage.ts'
import type { AttemptRecord, CallRecord, ChatInput, Recorder, Refusal, Target } from './contract.ts'

/**
 * Measures one call and settles it once, whatever happened: the one place where usage is decided. The client gets, the log
 * keeps and the metrics count the very same object.
 */
export class Meter {
  readonly #input: ChatInput
  readonly #recorder: Recorder
  readonly #attempts: AttemptRecord[] = []
  readonly #finished: string[] = []
  #account = ''
  #target: Target | undefined
  #knownModel = false
  #usage: Usage | undefined
  #written = 0
  #firstEventAt: number | undefined
  #upstreamRequestId = ''
  #settled = false

  constructor(input: ChatInput, recorder: Recorder) {
    this.#input = input
    this.#recorder = recorder
    recorder.began(input.dialect)
  }

  /** Milliseconds since the request arrived. */
  elapsed(): number {
    return performance.now() - this.#input.arrivedAt
  }

  /** Whom the call is for, once that is known. */
  account(account: string): void {
    this.#account = account
  }

  /** One try ended, or became the answer. */
  attempted(record: AttemptRecord): void {
    this.#attempts.push(record)
  }

  /** The target that was last tried; `known` when the registry lists its model. */
  aimed(target: Target, known: boolean): void {
    this.#target = target
    this.#knownModel = known
  }

  /** Takes in events on their way to the client. */
  observe(batch: readonly ChatEvent[]): void {
    this.#firstEventAt ??= performance.now()
    for (const { event } of batch) {
      switch (event.case) {
        case 'textDelta':
        case 'reasoningDelta':
        case 'refusalDelta':
          this.#written += event.value.text.length
          break
        case 'toolCallDelta':
          this.#written += event.value.argumentsJson.length + event.value.name.length
          break
        case 'usage':
          this.#usage = counted(event.value)
          break
        case 'finished':
          this.#finished.push(reasonWord(event.value.reason))
          break
        case 'started':
          this.#upstreamRequestId = event.value.upstreamRequestId
          break
        case 'audioDelta':
        case 'annotation':
        case 'image':
        case 'providerPart':
        case 'logprobs':
        case undefined:
          break
        default:
          event satisfies never
      }
    }
  }

  /** True once a choice has ended as it should. */
  get finished(): boolean {
    return this.#finished.length > 0
  }

  /** True when the upstream did not say what the answer consumed. */
  get uncounted(): boolean {
    return this.#usage === undefined && this.#firstEventAt !== undefined
  }

  /** What the call consumed: as reported, or, after the first event, estimated by the length of what was read and written. */
  usage(): Usage {
    if (this.#usage !== undefined) return this.#usage
    if (this.#firstEventAt === undefined) return usage({})
    this.#usage = usage({
      inputTokens: estimateTokens(lengthOf(this.#input.request)),
      outputTokens: estimateTokens(this.#written),
      estimated: true,
    })
    return this.#usage
  }

  /** Ends the call. Later calls of it do nothing. */
  settle(error: GatewayError | undefined): void {
    if (this.#settled) return
    this.#settled = true
    const { requestId, principal, dialect, streaming, request, arrivedAt } = this.#input
    const duration = this.elapsed()
    const record: CallRecord = {
      id: requestId,
      keyId: principal.keyId,
      account: this.#account,
      dialect,
      operation: 'chat',
      streaming,
      alias: request.model,
      provider: this.#target?.provider.record.name ?? '',
      model: this.#target?.model ?? '',
      knownModel: this.#knownModel,
      attempts: this.#attempts,
      status: error === undefined ? 'ok' : error.reason === 'client_closed' ? 'cancelled' : 'error',
      ...(error !== undefined && { reason: error.reason, error }),
      httpStatus: error?.status ?? 200,
      usage: this.usage(),
      finishReasons: this.#finished,
      startedAt: Date.now() - duration,
      ...(this.#firstEventAt !== undefined && { timeToFirstEvent: this.#firstEventAt - arrivedAt }),
      duration,
      upstreamRequestId: this.#upstreamRequestId,
    }
    this.#recorder.settled(record)
  }
}

/**
 * The usage as a provider gave it, miscounts put to zero in place, since it is the object that the client gets too: a negative
 * number would be a refund, and one that is none would keep the call from being recorded.
 */
function counted(given: Usage): Usage {
  const { inputTokens, outputTokens, cacheReadTokens, reasoningTokens } = given
  if (isCount(inputTokens) && isCount(outputTokens) && isCount(cacheReadTokens) && isCount(reasoningTokens))
    return given
  const counts = Object.entries(usage({})).filter(([, value]) => typeof value === 'number')
  const miscounted = counts.filter(([name]) => !isCount(given[name as keyof Usage]))
  return Object.assign(given, Object.fromEntries(miscounted))
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= 0xffff_ffff
}

const reasonWords = new Map<number, string>(
  Object.entries(FinishReason).map(([word, value]) => [value, word.toLowerCase()]),
)

function reasonWord(reason: FinishReason): string {
  return reasonWords.get(reason) ?? 'other'
}

/** Records a call that never became one: no target, no tokens. */
export function recordRefusal(recorder: Recorder, refusal: Refusal): void {
  const { requestId, dialect, operation, keyId, arrivedAt, error } = refusal
  const duration = performance.now() - arrivedAt
  recorder.began(dialect)
  recorder.settled({
    id: requestId,
    keyId,
    account: '',
    dialect,
    operation,
    streaming: false,
    alias: '',
    provider: '',
    model: '',
    knownModel: false,
    attempts: [],
    status: error.reason === 'client_closed' ? 'cancelled' : 'error',
    reason: error.reason,
    error,
    httpStatus: error.status,
    usage: usage({}),
    finishReasons: [],
    startedAt: Date.now() - duration,
    duration,
    upstreamRequestId: '',
  })
}
