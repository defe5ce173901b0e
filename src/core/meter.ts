import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { OperationName, Operations } from '../dialects/operation.ts'
import type { GatewayError } from '../error/index.ts'
import { estimateTokens, sumOf, usage } from '../model/usage.ts'
import { defaultAccountId } from '../store/contract.ts'
import { estimate, mend, type Untold } from './consumed.ts'
import type {
  AttemptRecord,
  AttemptTrace,
  CallContent,
  CallInput,
  CallIntent,
  CallRecord,
  CallTrace,
  Cost,
  Ledger,
  Pricing,
  Principal,
  Recorder,
  Target,
  TraceHeaders,
  Tracing,
} from './contract.ts'
import type { Folding, Operation, Tally } from './operation.ts'
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
export type Measured<Name extends OperationName> = Omit<CallInput<Name>, 'timeoutMs' | 'retries' | 'account'>

/** A call that consumed nothing costs nothing, whatever its model. */
export const nothing: Cost = { nanoUsd: 0n, version: '' }

/**
 * Measures one call and settles it once, whatever happened: the one place where usage and cost are decided. The client gets, the
 * ledger and the log keep and the metrics count the very same object.
 */
export class Meter<Name extends OperationName> {
  readonly #operation: Operation<Name>
  readonly #input: Measured<Name>
  readonly #metering: Metering
  readonly #attempts: AttemptRecord[] = []
  readonly #tally: Tally = { usage: undefined, written: 0, toldAt: 0, told: false, finished: [], complete: false }
  readonly #startedAt: number
  #account: string
  #target: Target | undefined
  #modelLabel = 'other'
  #untold: Untold = { input: true, output: true }
  #inputEstimate: number | undefined
  #received = 0
  /** Of parts of answers that were never whole. */
  readonly #parts: Usage[] = []
  #costOfParts: Cost | undefined = nothing
  #firstEventAt: number | undefined
  #upstreamRequestId = ''
  #answer: Folding<Operations[Name]['event'], Operations[Name]['response']> | undefined
  #isSettled = false
  readonly #trace: CallTrace | undefined
  #attempt: AttemptTrace | undefined

  constructor(operation: Operation<Name>, input: Measured<Name>, metering: Metering) {
    this.#operation = operation
    this.#input = input
    this.#metering = metering
    this.#startedAt = Date.now() - this.elapsed()
    this.#account = accountOf(input.principal)
    metering.recorder.began(input.dialect)
    const { dialect, requestId, request } = input
    const about = { operation: operation.name, dialect, requestId, alias: request.model }
    this.#trace = metering.tracing?.call(input.trace ?? {}, about)
  }

  /** Milliseconds since the request arrived. */
  elapsed(): number {
    return performance.now() - this.#input.arrivedAt
  }

  /** Whom the call is for, once that is known. */
  account(account: string): void {
    if (account !== '') this.#account = account
    if (this.#metering.keepsContent?.(this.#account) === true) this.#answer = this.#operation.fold()
  }

  /** Whom the call is for. */
  get whose(): string {
    return this.#account
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

  /** A part of an answer is there that may never be whole: what it consumed is paid when no answer comes. */
  readonly consumed = (told: Usage): void => {
    const part = { ...told }
    estimate(part, mend(part), () => 0, 0)
    this.#parts.push(part)
    const cost = this.#priceOf(part)
    this.#costOfParts = this.#costOfParts && cost && { ...cost, nanoUsd: this.#costOfParts.nanoUsd + cost.nanoUsd }
  }

  /** Takes in events on their way to the client. */
  observe(batch: readonly Operations[Name]['event'][]): void {
    if (this.#firstEventAt === undefined) {
      this.#firstEventAt = performance.now()
      this.#upstreamRequestId = this.#operation.head(batch)?.upstreamRequestId ?? ''
    }
    this.#answer?.add(batch)
    this.#tally.told = false
    this.#operation.observe(batch, this.#tally, this.#input.request)
    if (this.#tally.told) this.#take(this.#tally.usage)
  }

  /** True once the answer is one that may end. */
  get complete(): boolean {
    return this.#tally.complete
  }

  /** True when the upstream did not say what the answer consumed, or the client was told an estimate and the answer went on. */
  get uncounted(): boolean {
    if (this.#firstEventAt === undefined) return false
    const { usage: told, written, toldAt } = this.#tally
    return told === undefined || (this.#untold.output && written > toldAt)
  }

  /**
   * What the call consumed: as reported, and, after the first event, estimated by the length of what was read and written where not. Before
   * it, what parts of answers did.
   */
  usage(): Usage {
    if (this.#firstEventAt === undefined) return sumOf(this.#parts)
    const consumed = (this.#tally.usage ??= usage(this.#operation.counts?.(this.#input.request) ?? {}))
    estimate(consumed, this.#untold, () => this.#estimateInput(), estimateTokens(this.#tally.written))
    return consumed
  }

  #take(given: Usage | undefined): void {
    if (given === undefined) return
    this.#untold = mend(given)
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
      finishReasons: this.#tally.finished,
      ...(this.#firstEventAt !== undefined && { timeToFirstEvent: this.#firstEventAt - this.#input.arrivedAt }),
      duration: this.elapsed(),
      upstreamRequestId: this.#upstreamRequestId,
      responseBytes: this.#received,
    }
  }

  #known() {
    const { id, clientRequestId, principal, dialect, streaming, request, requestBytes } = this.#input
    return {
      id,
      clientRequestId,
      keyId: principal.keyId,
      account: this.#account,
      dialect,
      operation: this.#operation.name,
      streaming,
      alias: request.model,
      startedAt: this.#startedAt,
      requestBytes,
    }
  }

  #cost(): Cost | undefined {
    if (this.#operation.paidLater === true) return nothing
    if (this.#firstEventAt === undefined) return this.#costOfParts
    if (this.#operation.wordless === true && this.#untold.output) return undefined
    return this.#priceOf(this.usage())
  }

  #priceOf(consumed: Usage): Cost | undefined {
    if (this.#target === undefined) return nothing
    return this.#metering.pricing?.cost(vendorOf(this.#target), this.#target.model, consumed, this.#startedAt)
  }

  #content(): CallContent | undefined {
    return this.#answer && this.#operation.content(this.#input.request, this.#answer.response())
  }

  #estimateInput(): number {
    return (this.#inputEstimate ??= estimateTokens(this.#operation.lengthOf(this.#input.request)))
  }
}

function vendorOf({ provider }: Target): string {
  return provider.vendor ?? provider.record.type
}

/** The account of a caller that chose none. */
export function accountOf({ accounts: [first] }: Principal): string {
  return first ?? defaultAccountId
}
