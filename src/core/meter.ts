import { FinishReason, type ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { GatewayError } from '../error/index.ts'
import { Fold } from '../model/collect.ts'
import { lengthOf } from '../model/length.ts'
import { estimateTokens, usage } from '../model/usage.ts'
import { defaultAccountId } from '../store/contract.ts'
import { contentOf } from './content.ts'
import { estimate, mend, type Untold } from './consumed.ts'
import type {
  AttemptRecord,
  AttemptTrace,
  CallContent,
  CallIntent,
  CallRecord,
  CallTrace,
  ChatInput,
  Cost,
  Ledger,
  Pricing,
  Principal,
  Recorder,
  Target,
  TraceHeaders,
  Tracing,
} from './contract.ts'
import { notVouchedFor, outcomeOf } from './outcome.ts'

/** What calls are measured by, and who is told. */
export interface Metering {
  readonly recorder: Recorder
  /** Without one, nothing is kept. */
  readonly ledger?: Ledger
  /** Without one, the client's trace is passed on, and nothing added to it. */
  readonly tracing?: Tracing | undefined
  /** Without one, no price is known. */
  readonly pricing?: Pricing
  /** Whether what an account asks and is answered is kept. Without it, nothing is. */
  readonly keepsContent?: (account: string) => boolean
}

/** What is known of a call as it begins. */
export interface Measured extends Omit<ChatInput, 'timeoutMs' | 'retries' | 'account'> {
  readonly operation: string
}

/** A call that consumed nothing costs nothing, whatever its model. */
export const nothing: Cost = { nanoUsd: 0n, version: '' }

/**
 * Measures one call and settles it once, whatever happened: the one place where usage and cost are decided. The client gets, the
 * ledger and the log keep and the metrics count the very same object.
 */
export class Meter {
  readonly #input: Measured
  readonly #metering: Metering
  readonly #attempts: AttemptRecord[] = []
  readonly #finished: string[] = []
  readonly #startedAt: number
  #account: string
  #target: Target | undefined
  #modelLabel = 'other'
  #usage: Usage | undefined
  #untold: Untold = { input: true, output: true }
  /** How much was written when the usage was told. */
  #toldAt = 0
  #inputEstimate: number | undefined
  #written = 0
  #received = 0
  #firstEventAt: number | undefined
  #upstreamRequestId = ''
  #answer: Fold | undefined
  #isSettled = false
  readonly #trace: CallTrace | undefined
  #attempt: AttemptTrace | undefined

  constructor(input: Measured, metering: Metering) {
    this.#input = input
    this.#metering = metering
    this.#startedAt = Date.now() - this.elapsed()
    this.#account = accountOf(input.principal)
    metering.recorder.began(input.dialect)
    const { operation, dialect, requestId, request } = input
    const about = { operation, dialect, requestId, alias: request.model }
    this.#trace = metering.tracing?.call(input.trace ?? {}, about)
  }

  /** Milliseconds since the request arrived. */
  elapsed(): number {
    return performance.now() - this.#input.arrivedAt
  }

  /** Whom the call is for, once that is known. */
  account(account: string): void {
    if (account !== '') this.#account = account
    if (this.#metering.keepsContent?.(this.#account) === true) this.#answer = new Fold()
  }

  /** What is known before the first target is asked. */
  intent(first: Target): CallIntent {
    return {
      ...this.#known(),
      provider: first.provider.record.name,
      model: first.model,
      vendor: vendorOf(first),
      inputEstimate: this.#estimateInput(),
    }
  }

  /** A try at the target that was aimed at begins. Gives the trace that the provider's work is part of. */
  trying(): TraceHeaders | undefined {
    const provider = this.#target?.provider.record.name ?? ''
    const model = this.#target?.model ?? ''
    this.#metering.recorder.trying?.(provider, this.#modelLabel)
    this.#attempt = this.#trace?.attempt(provider, model)
    return this.#attempt?.headers ?? this.#input.trace
  }

  /** That try is over: it failed, or its answer was read. */
  attempted(record: AttemptRecord): void {
    this.#attempts.push(record)
    this.#metering.recorder.tried?.(record.provider, this.#modelLabel)
    this.#attempt?.ended(record)
    this.#attempt = undefined
  }

  /** The target that was last tried; `known` when the registry lists its model. */
  aimed(target: Target, known: boolean): void {
    this.#target = target
    this.#modelLabel = known ? target.model : 'other'
  }

  /** So many bytes were read from a provider. */
  readonly received = (bytes: number): void => {
    this.#received += bytes
  }

  /** Takes in events on their way to the client. */
  observe(batch: readonly ChatEvent[]): void {
    this.#firstEventAt ??= performance.now()
    this.#answer?.add(batch)
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
          this.#take(event.value)
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

  /** True when the upstream did not say what the answer consumed, or the client was told an estimate and the answer went on. */
  get uncounted(): boolean {
    if (this.#firstEventAt === undefined) return false
    return this.#usage === undefined || (this.#untold.output && this.#written > this.#toldAt)
  }

  /** What the call consumed: as reported, and, after the first event, estimated by the length of what was read and written where not. */
  usage(): Usage {
    if (this.#firstEventAt === undefined) return usage({})
    this.#usage ??= usage({})
    estimate(this.#usage, this.#untold, () => this.#estimateInput(), estimateTokens(this.#written))
    return this.#usage
  }

  #take(given: Usage): void {
    this.#untold = mend(given)
    this.#usage = given
    this.#toldAt = this.#written
    this.usage()
  }

  /**
   * Ends the call. Resolves when it is durable in the ledger, where its intent is, and rejects with `store_unavailable` when it is not;
   * a call without an intent never reached a provider, and is only noted. Later calls of it do nothing.
   */
  async settle(error: GatewayError | undefined, intent?: number): Promise<void> {
    if (this.#isSettled) return
    this.#isSettled = true
    const { ledger } = this.#metering
    const record = this.#record(error)
    if (ledger === undefined || intent === undefined) {
      ledger?.note(record)
      this.#tell(record)
      return
    }
    try {
      await ledger.settle(record, intent, this.#content())
    } catch (thrown) {
      this.#tell(notVouchedFor(record, thrown))
      throw thrown
    }
    this.#tell(record)
  }

  #tell(record: CallRecord): void {
    this.#metering.recorder.settled(record)
    this.#trace?.settled(record)
  }

  #record(error: GatewayError | undefined): CallRecord {
    const cost = this.#cost()
    return {
      ...this.#known(),
      provider: this.#target?.provider.record.name ?? '',
      model: this.#target?.model ?? '',
      vendor: this.#target === undefined ? '' : vendorOf(this.#target),
      modelLabel: this.#modelLabel,
      attempts: this.#attempts,
      ...outcomeOf(error),
      ...(error !== undefined && { error }),
      httpStatus: error?.status ?? 200,
      usage: this.usage(),
      ...(cost !== undefined && { cost }),
      finishReasons: this.#finished,
      ...(this.#firstEventAt !== undefined && { timeToFirstEvent: this.#firstEventAt - this.#input.arrivedAt }),
      duration: this.elapsed(),
      upstreamRequestId: this.#upstreamRequestId,
      responseBytes: this.#received,
    }
  }

  #known() {
    const { id, clientRequestId, principal, dialect, operation, streaming, request, requestBytes } = this.#input
    return {
      id,
      clientRequestId,
      keyId: principal.keyId,
      account: this.#account,
      dialect,
      operation,
      streaming,
      alias: request.model,
      startedAt: this.#startedAt,
      requestBytes,
    }
  }

  #cost(): Cost | undefined {
    if (this.#target === undefined || this.#firstEventAt === undefined) return nothing
    return this.#metering.pricing?.cost(vendorOf(this.#target), this.#target.model, this.usage(), this.#startedAt)
  }

  #content(): CallContent | undefined {
    return this.#answer && contentOf(this.#input.request, this.#answer.response())
  }

  #estimateInput(): number {
    return (this.#inputEstimate ??= estimateTokens(lengthOf(this.#input.request)))
  }
}

function vendorOf({ provider }: Target): string {
  return provider.vendor ?? provider.record.type
}

/** The account of a caller that chose none. */
export function accountOf({ accounts: [first] }: Principal): string {
  return first ?? defaultAccountId
}

const reasonWords = new Map<number, string>(
  Object.entries(FinishReason).map(([word, value]) => [value, word.toLowerCase()]),
)

function reasonWord(reason: FinishReason): string {
  return reasonWords.get(reason) ?? 'other'
}
