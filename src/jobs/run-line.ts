import { randomUUIDv7 } from 'node:crypto'
import type { SynthesizeEvent } from '#gen/switchyard/v1/audio_pb.ts'
import type { CallInput, Core, Ledger, ModelCall, Principal } from '../core/contract.ts'
import type { ServerDialect } from '../dialects/contract.ts'
import { parseBody } from '../dialects/json.ts'
import type { Ask, AskOf, OperationName, Payload, Served } from '../dialects/operation.ts'
import { PathTable } from '../dialects/path-table.ts'
import { modelRoutes, type Reading } from '../dialects/reading.ts'
import { asGatewayError, fail, type GatewayError } from '../error/index.ts'
import type { BatchProblem, ClaimedLine, LineAnswer } from '../store/contract.ts'
import type { HeldLedger, LineRunner, Tried } from './contract.ts'
import { ProviderSlots } from './provider-slots.ts'

/** What lines are run with. */
export interface LineRunnerParts {
  readonly core: Pick<Core, 'call' | 'refuse' | 'operationsOf' | 'surface'>
  readonly routes: LineRoutes
  /** What a key may do now. Throws `unauthenticated` for one that may nothing any more, `store_unavailable` where that cannot be known. */
  readonly principalOf: (keyId: string) => Principal
  /** A ledger for one call; undefined where calls are not written down. */
  readonly hold: () => HeldLedger | undefined
  /** Calls that may be open at one provider. */
  readonly perProvider: number
}

/** A route, and the dialect it is of. */
interface LineRoute {
  readonly dialect: ServerDialect
  readonly reading: Reading
}

/** What lines can ask. */
export type LineRoutes = PathTable<LineRoute>

/** Every path of the dialects at which a model is asked by a JSON body. */
export function lineRoutes(dialects: readonly ServerDialect[]): LineRoutes {
  const routes: LineRoutes = new PathTable()
  for (const dialect of dialects) {
    for (const { path, reading } of modelRoutes(dialect))
      if (reading.form?.alone !== true) routes.add(path, { dialect, reading })
  }
  return routes
}

/** What is wrong with asking that path by that method; undefined when nothing is. */
export function refusalOf(routes: LineRoutes, method: string, url: string): BatchProblem | undefined {
  if (method !== 'POST') return { code: 'invalid_method', message: 'the method must be POST' }
  return routes.find(url) === undefined ? noSuchUrl : undefined
}

/** Runs lines as calls through the core, each as the route at its path reads it and answers it. */
export function lineRunner(parts: LineRunnerParts): LineRunner {
  const slots = new ProviderSlots(parts.perProvider)
  return {
    async run(line, signal) {
      const found = parts.routes.find(line.url)
      if (found === undefined) return { outcome: noSuchUrl, ledger: undefined }
      return await new LineCall(line, found.entry, parts, slots, signal).run(found.params)
    },
  }
}

const noSuchUrl: BatchProblem = {
  code: 'invalid_url',
  message: 'the url must be the path of a request to a model, such as /v1/chat/completions',
}

/** One try of one line. */
class LineCall {
  readonly #line: ClaimedLine
  readonly #route: LineRoute
  readonly #parts: LineRunnerParts
  readonly #slots: ProviderSlots
  readonly #signal: AbortSignal
  readonly #id = randomUUIDv7()
  readonly #arrivedAt = performance.now()
  readonly #held: HeldLedger | undefined
  #principal: Principal | undefined
  #leaveSlot: (() => void) | undefined
  #dropped: readonly string[] = []

  constructor(line: ClaimedLine, route: LineRoute, parts: LineRunnerParts, slots: ProviderSlots, signal: AbortSignal) {
    this.#line = line
    this.#route = route
    this.#parts = parts
    this.#slots = slots
    this.#signal = signal
    this.#held = parts.hold()
  }

  async run(params: Readonly<Record<string, string>>): Promise<Tried> {
    try {
      const body = await this.#ask(params)
      return { outcome: this.#answer(200, body), ledger: this.#held }
    } catch (thrown) {
      return this.#failed(asGatewayError(thrown))
    } finally {
      this.#leaveSlot?.()
    }
  }

  async #ask(params: Readonly<Record<string, string>>): Promise<string> {
    const { dialect, reading } = this.#route
    const { body, batch } = this.#line
    let ask: Ask
    try {
      this.#principal = this.#parts.principalOf(batch.keyId)
      const { operationsOf } = this.#parts.core
      const query = new URLSearchParams()
      const facts = { requestId: this.#id, header: () => undefined, query, params, operationsOf }
      ask = withSoundWhole(reading.decode(parseBody(body, dialect.passThrough), facts))
      if (ask.streaming) throw fail('invalid_request', 'a line of a batch cannot be streamed', { param: 'stream' })
    } catch (thrown) {
      this.#refuse(asGatewayError(thrown))
      throw thrown
    }
    return await this.#call<OperationName>(ask, this.#principal)
  }

  async #call<Name extends OperationName>(ask: AskOf<Name>, principal: Principal): Promise<string> {
    if (ask.streaming) throw fail('internal', 'a line is not streamed')
    const { answer, operation, dropped = [], account: _, ...question } = ask
    const input: CallInput<Name> = {
      ...question,
      ...this.#ids(),
      dialect: this.#route.dialect.name,
      principal,
      arrivedAt: this.#arrivedAt,
      requestBytes: Buffer.byteLength(this.#line.body),
      ...this.#account(principal),
    }
    const call = this.#parts.core.call(operation, input, this.#ledger())
    const leave = this.#cancelWith(call)
    try {
      const opened = await call.open()
      this.#dropped = [...dropped, ...opened.dropped]
      const given = await opened.whole()
      const { files } = this.#parts.core.surface(principal)
      return textOf(answer.whole((await answer.prepare?.(given, files)) ?? given, opened.served))
    } catch (thrown) {
      call.cancel(asGatewayError(thrown))
      throw thrown
    } finally {
      leave()
    }
  }

  #ids() {
    return { id: this.#id, requestId: this.#id, clientRequestId: '' }
  }

  /** The call is for the account of the batch; a key that has no account is for none in particular. */
  #account({ accounts }: Principal): { readonly account?: string } {
    const { accountId } = this.#line.batch
    return accounts.length === 0 ? {} : { account: accountId }
  }

  #cancelWith(call: Pick<ModelCall<OperationName>, 'cancel'>): () => void {
    const cancel = (): void => call.cancel(fail('shutting_down', 'work on the line was stopped'))
    if (this.#signal.aborted) cancel()
    this.#signal.addEventListener('abort', cancel, { once: true })
    return () => this.#signal.removeEventListener('abort', cancel)
  }

  /** The ledger of the call, whose intent waits for a turn at the provider. */
  #ledger(): Ledger {
    const held = this.#held
    return {
      begin: async (intent) => {
        this.#leaveSlot = await this.#slots.take(intent.provider, this.#signal)
        return (await held?.begin(intent)) ?? 0
      },
      settle: async (record, intent, content) => held?.settle(record, intent, content),
      note: (record) => held?.note(record),
    }
  }

  /** A request that could not be read is no call, and noted as one that was refused. */
  #refuse(error: GatewayError): void {
    this.#parts.core.refuse({
      ...this.#ids(),
      dialect: this.#route.dialect.name,
      operation: this.#route.reading.operation,
      principal: this.#principal,
      arrivedAt: this.#arrivedAt,
      error,
    })
  }

  #failed(error: GatewayError): Tried {
    const { dialect } = this.#route
    const { retryAfterSeconds } = error.details
    const status = dialect.errorStatus?.(error) ?? error.status
    return {
      outcome: this.#answer(status, dialect.errorBody(error, this.#id)),
      ledger: this.#held,
      ...(error.retryable && {
        again: { ...(retryAfterSeconds !== undefined && { afterMs: retryAfterSeconds * 1000 }) },
      }),
    }
  }

  #answer(httpStatus: number, body: string): LineAnswer {
    return { httpStatus, requestId: this.#id, body, dropped: this.#dropped }
  }
}

/** The same question. Sound, which clients are sent as it comes, is one body in a result; what is a stream of events stays one. */
function withSoundWhole(ask: Ask): Ask {
  if (ask.operation !== 'synthesize' || !ask.streaming || ask.answer.contentTypeOf === undefined) return ask
  const { answer } = ask
  const whole = (events: readonly SynthesizeEvent[], served: Served): Payload => ({
    body: Buffer.from(answer.events(events, served)),
    contentType: answer.contentTypeOf?.(events) ?? 'application/octet-stream',
  })
  return { ...ask, streaming: false, answer: { whole } }
}

/** A body as JSON text: what is no JSON is within an object that says what it is. */
function textOf(written: string | Payload): string {
  if (typeof written === 'string') return written
  const { body, contentType } = written
  if (typeof body === 'string') return JSON.stringify({ content_type: contentType, text: body })
  return JSON.stringify({ content_type: contentType, base64: Buffer.from(body).toString('base64') })
}
