import type { CountTokensResponse } from '#gen/switchyard/v1/chat_pb.ts'
import type { Model, Provider as ProviderRecord } from '#gen/switchyard/v1/registry_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { OperationName, Operations, Served } from '../dialects/operation.ts'
import type { Permission } from '../dialects/permissions.ts'
import type { Surface } from '../dialects/surface.ts'
import type { GatewayError, Reason } from '../error/index.ts'
import type { Credential, Provider } from '../provider/contract.ts'

/** Who calls, and what that key may do. */
export interface Principal {
  /** The key's id; "open" when the gateway needs no keys. */
  readonly keyId: string
  readonly accounts: readonly string[]
  readonly permissions: ReadonlySet<Permission>
  /** Model names or prefixes ending in `*`; empty means all. */
  readonly models: readonly string[]
  /** Milliseconds since the epoch, where the key has an end. */
  readonly expires?: number
}

/** A provider that is loaded and can be called. */
export interface LoadedProvider {
  /** What clients may see of it. */
  readonly record: ProviderRecord
  /** What the price list calls it; its type unless said otherwise. */
  readonly vendor?: string
  readonly provider: Provider
  readonly credentials: readonly Credential[]
  /** Models that the configuration lists for it, and its default. */
  readonly models: readonly Model[]
  /** Models that are known only because the provider was asked for them: their names yield to names that others claim. */
  readonly synced?: readonly Model[]
  /** The plugin's model name patterns. */
  readonly patterns: readonly string[]
  /** True when its calls can only fail, as without its key: others that claim the same names come first. */
  readonly unusable?: boolean
}

/** A provider and the model to ask it for. */
export interface Target {
  readonly provider: LoadedProvider
  readonly model: string
}

/** Where a model name leads: targets in the order to try them. */
export interface Route {
  readonly alias: string
  /** The client chose the provider, so that `alias` is a name of that provider's and not of the gateway's. */
  readonly forced?: boolean
  readonly targets: readonly Target[]
}

/** Where an alias may lead. */
export interface AliasTarget {
  /** Name of a provider; empty when the model is another alias. */
  readonly provider: string
  /** Empty: the provider's default model. */
  readonly model: string
  /** Targets of equal order share traffic by weight; a higher order is a fallback. A whole number from 0. */
  readonly order: number
  /** From 0, which counts as 1. */
  readonly weight: number
}

/** An alias: a name, or a prefix ending in `*`, and where it leads. */
export interface AliasRule {
  readonly name: string
  readonly targets: readonly AliasTarget[]
}

/** Milliseconds, each with a timer of its own. */
export interface Timeouts {
  readonly connect: number
  readonly firstEvent: number
  readonly betweenEvents: number
  readonly total: number
}

/** How a call, or a try, ended. */
export interface Outcome {
  readonly status: 'ok' | 'error' | 'cancelled'
  /** Unless status is ok. */
  readonly reason?: Reason
}

/** One try at one target, for the log. */
export interface AttemptRecord extends Outcome {
  readonly provider: string
  readonly model: string
  /** Milliseconds since the call began. */
  readonly began: number
  readonly duration: number
}

/** What is known of a call from its beginning to its settlement. */
export interface CallFacts {
  /** Ours, a UUIDv7. */
  readonly id: string
  /** The `x-request-id` that the client sent; empty when it sent none. It may have sent it before. */
  readonly clientRequestId: string
  readonly keyId: string
  readonly account: string
  readonly dialect: string
  readonly operation: string
  readonly streaming: boolean
  /** The model name asked for. */
  readonly alias: string
  /** Of an intent the first target, who is about to be asked; of a record the last. Empty when no target was reached. */
  readonly provider: string
  readonly model: string
  /** What the price list calls the provider; empty when no target was reached. */
  readonly vendor: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** Bytes of the request's body, or of its message. */
  readonly requestBytes: number
}

/** Everything worth knowing of a settled call. Holds no content. */
export interface CallRecord extends CallFacts, Outcome {
  /** The model where the registry lists it, else "other": clients cannot make series of metrics. */
  readonly modelLabel: string
  readonly attempts: readonly AttemptRecord[]
  readonly httpStatus: number
  readonly usage: Usage
  /** Undefined when the price is not known. */
  readonly cost?: Cost
  readonly finishReasons: readonly string[]
  /** Milliseconds; absent when there was no event. */
  readonly timeToFirstEvent?: number
  readonly duration: number
  readonly upstreamRequestId: string
  /** Bytes read from the provider. */
  readonly responseBytes: number
  /** What was thrown, for the log of the operator; never shown to a client. */
  readonly error?: unknown
}

/** What is known of a call before anything is sent to a provider. */
export interface CallIntent extends CallFacts {
  /** Tokens the request is about to have read, estimated: what an orphan is charged for. */
  readonly inputEstimate: number
}

/** What was asked and answered, each as JSON text. Exists only for calls of accounts that want it kept. */
export interface CallContent {
  readonly request: string
  readonly response: string
}

/** Keeps every call, whatever becomes of the process. */
export interface Ledger {
  /**
   * Resolves when the intent is durable, with what its settlement names it by: only then may a provider be asked. Rejects with
   * `store_unavailable` when there is no room.
   */
  begin(intent: CallIntent): Promise<number>
  /**
   * Resolves when the settlement is durable: only then may the client be told that its answer is complete. Rejects with
   * `store_unavailable`, and then keeps on trying, as a call that failed.
   */
  settle(record: CallRecord, intent: number, content?: CallContent): Promise<void>
  /** Keeps a call that no provider was asked for, without making anybody wait; where there is no room it is not kept. */
  note(record: CallRecord): void
}

/** What a price list says of one call. */
export interface Cost {
  readonly nanoUsd: bigint
  /** The version of the price list. */
  readonly version: string
}

/** Says what a call costs. */
export interface Pricing {
  /**
   * What the usage costs at a model of a vendor, as the price list calls it. Undefined when the price is not known; never zero for
   * that. `at` is milliseconds since the epoch.
   */
  cost(vendor: string, model: string, usage: Usage, at: number): Cost | undefined
}

/** The W3C trace context that a request is part of, as its headers carry it. */
export interface TraceHeaders {
  readonly traceparent?: string
  readonly tracestate?: string
}

/** One call in a trace. */
export interface CallTrace {
  /** A try at a provider begins. */
  attempt(provider: string, model: string): AttemptTrace
  settled(record: CallRecord): void
}

/** One try in a trace. */
export interface AttemptTrace {
  /** What makes the provider's own work a part of this. */
  readonly headers: TraceHeaders
  ended(record: AttemptRecord): void
}

/** Puts calls into traces. `headers` are what the client sent. */
export interface Tracing {
  call(
    headers: TraceHeaders,
    about: { readonly operation: string; readonly dialect: string; readonly alias: string; readonly requestId: string },
  ): CallTrace
}

/** Is told of every call, once when it begins and once when it is settled, and of each of its tries likewise. */
export interface Recorder {
  began(dialect: string): void
  /** A try at a provider begins; `model` is "other" where the registry does not know it. */
  trying?(provider: string, model: string): void
  /** That try is over. */
  tried?(provider: string, model: string): void
  settled(record: CallRecord): void
}

/** How a request is told from others. */
export interface RequestIds {
  /** Ours: a UUIDv7, never given before. */
  readonly id: string
  /** The caller's own `x-request-id`; empty when it sent none. It may have sent it before. */
  readonly clientRequestId: string
  /** What the answer is marked with: the caller's own, else ours. */
  readonly requestId: string
}

/** A call as the edge hands it in. */
export interface CallInput<Name extends OperationName> extends RequestIds {
  readonly dialect: string
  readonly principal: Principal
  /** Milliseconds of `performance.now()` when the request arrived. */
  readonly arrivedAt: number
  readonly request: Operations[Name]['request']
  /** Bytes of the request's body, or of its message. */
  readonly requestBytes: number
  /** The trace that the client's request is part of. */
  readonly trace?: TraceHeaders
  readonly streaming: boolean
  readonly timeoutMs?: number
  readonly retries?: number
  readonly account?: string
  /** True: a limit of the answer over what the model can write is lowered to that, where it is known. */
  readonly capsOutput?: boolean
}

/** A call whose first event is here: from now on errors are shown, not retried. */
export interface OpenedCall<Name extends OperationName> {
  readonly served: Served
  /** Paths of the request that the provider could not carry. */
  readonly dropped: readonly string[]
  /** The events that came first, for what depends on them before any is written. */
  readonly first: readonly Operations[Name]['event'][]
  /**
   * The events, the first included, in batches that arrived together. Settles the call when it ends, fails or is left. The last events
   * of a stream are `finished` for each choice, where it has choices, and one `usage`.
   */
  readonly events: AsyncGenerator<readonly Operations[Name]['event'][], void, void>
  /** Reads the events to their end, and gives the answer they spell. */
  whole(): Promise<Operations[Name]['response']>
}

/** A call that can be cancelled. */
export interface Cancellable {
  /** The client left, or could not be written to: aborts the upstream. Harmless when the call is over. */
  cancel(reason: GatewayError): void
}

/** One call. It is settled exactly once, whatever happens. */
export interface ModelCall<Name extends OperationName> extends Cancellable {
  /** Who was asked last, whatever came of it; undefined before anybody is. */
  readonly asked: Served | undefined
  /** Admits, resolves and tries targets until the first event. Throws a `GatewayError`, and is then settled. */
  open(): Promise<OpenedCall<Name>>
}

/** A count as the edge asks for it. */
export interface CountInput extends Omit<CallInput<'chat'>, 'streaming' | 'timeoutMs' | 'retries'> {
  readonly signal: AbortSignal
}

/** A call that failed at the edge. */
export interface Refusal extends RequestIds, Pick<CallInput<'chat'>, 'dialect' | 'arrivedAt'> {
  readonly operation: string
  /** Undefined when the caller is not known. */
  readonly principal: Principal | undefined
  readonly error: GatewayError
}

/** What the edge calls. Knows no HTTP and no RPC. */
export interface Core {
  /** Whose token this is. Throws `unauthenticated`. */
  authenticate(token: string | undefined): Principal
  /** Throws `permission_denied` when the principal lacks the permission. */
  authorize(principal: Principal, permission: Permission): void
  /** A call to a model. `ledger` keeps it in the place of the gateway's own. */
  call<Name extends OperationName>(operation: Name, input: CallInput<Name>, ledger?: Ledger): ModelCall<Name>
  /**
   * What a chat request would read: the provider's own count where it has one, else an estimate. Throws a `GatewayError`, and has then
   * recorded it.
   */
  countTokens(input: CountInput): Promise<CountTokensResponse>
  /** Records a call that failed before it could become one: a bad key, a body that cannot be read. */
  refuse(refusal: Refusal): void
  surface(principal: Principal): Surface
  /** What a model is for, as methods of the inference contract; empty where nobody knows. */
  readonly operationsOf: (model: string) => readonly string[]
}
