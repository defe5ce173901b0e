import { create } from '@bufbuild/protobuf'
import { type ChatEvent, ChatRequestSchema, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { ProviderSchema } from '#gen/switchyard/v1/registry_pb.ts'
import { openPrincipal } from '../../../src/core/admit.ts'
import type { CallRecord, ModelCall } from '../../../src/core/contract.ts'
import { createCore } from '../../../src/core/core.ts'
import { fixedRegistry } from '../../../src/core/live.ts'
import { createRegistry } from '../../../src/core/resolve.ts'
import type { ChatAnswer, ClientDialect, Served } from '../../../src/dialects/contract.ts'
import { fail, GatewayError } from '../../../src/error/index.ts'
import type { Logger, Provider } from '../../../src/provider/contract.ts'
import { upstreamProvider } from '../../../src/provider/upstream.ts'
import { Fault, onlyGatewayError, thrownFault } from '../fault.ts'
import type { Answer } from './answer.ts'
import { askOf } from './clients.ts'
import { patience, turn, Wire } from './wire.ts'

/** What came of one answer, as the edge that shows it to a client sees it. */
export interface Outcome {
  /** In the batches they came in. Empty when the call failed before the first. */
  readonly batches: readonly (readonly ChatEvent[])[]
  /** Absent when the answer passed for a complete one. */
  readonly error: GatewayError | undefined
  readonly served: Served | undefined
  /** Writes the answer in the client's dialect; absent for RPC. */
  readonly encoder: ChatAnswer | undefined
  readonly records: readonly CallRecord[]
  readonly wire: Wire
}

const nothing = (): undefined => undefined
const log: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }
const long = 600_000

/** Takes one answer on the whole way from the connection through the core to the events that the edge gets. */
export async function outcomeOf<Options>(dialect: ClientDialect<Options>, answer: Answer): Promise<Outcome> {
  const wire = new Wire(answer)
  const records: CallRecord[] = []
  const strays: unknown[] = []
  const ask = askOf(answer.client, answer.streaming)
  const call = coreOf(watched(providerOf(dialect), strays), wire, records).call('chat', {
    requestId: 'req-1',
    id: 'req-1',
    clientRequestId: '',
    requestBytes: 10,
    dialect: answer.client,
    principal: openPrincipal,
    arrivedAt: performance.now(),
    request: ask?.request ?? plainRequest(),
    streaming: answer.streaming,
  })
  const batches: (readonly ChatEvent[])[] = []
  const read = await settled(readAll(call, batches), wire, call)
  const [stray] = strays
  if (stray !== undefined) throw thrownFault('uncaught in the provider', stray)
  return { batches, ...read, encoder: ask?.answer, records, wire }
}

function plainRequest() {
  const parts = [{ kind: { case: 'text' as const, value: { text: 'Hi' } } }]
  return create(ChatRequestSchema, { model: 'upstream/m', messages: [{ role: Role.USER, parts }] })
}

function providerOf<Options>(dialect: ClientDialect<Options>): Provider {
  const { defaults: options, chatPath } = dialect
  return upstreamProvider({ dialect, options, baseUrl: 'http://upstream.invalid', chatPath, headers: () => ({}) })
}

/** The provider, with what it throws beside the gateway's own errors kept. */
function watched(provider: Provider, strays: unknown[]): Provider {
  return {
    async *chat(request, context) {
      try {
        const events = provider.chat?.(request, context)
        if (events !== undefined) yield* events
      } catch (thrown) {
        if (!(thrown instanceof GatewayError)) strays.push(thrown)
        throw thrown
      }
    },
  }
}

function coreOf(provider: Provider, wire: Wire, records: CallRecord[]) {
  const record = create(ProviderSchema, { id: '0a1b2c3d', name: 'upstream', type: 'upstream' })
  const served = createRegistry([{ record, provider, credentials: [], models: [], patterns: [] }], [])
  return createCore({
    keys: { authenticate: () => openPrincipal },
    surface: () => {
      throw new Error('nothing but chat is asked here')
    },
    registry: fixedRegistry(served),
    retries: { perTarget: 0, budget: 0, maxRetryAfterMs: 0 },
    recorder: { began: nothing, settled: (settledCall) => records.push(settledCall) },
    timeouts: { connect: long, firstEvent: long, betweenEvents: long, total: long },
    egress: wire.egress(),
    log,
  })
}

type Read = Pick<Outcome, 'error' | 'served'>

async function readAll(call: ModelCall<'chat'>, batches: (readonly ChatEvent[])[]): Promise<Read> {
  let served: Served | undefined
  try {
    const opened = await call.open()
    served = opened.served
    for await (const batch of opened.events) batches.push(batch)
    return { error: undefined, served }
  } catch (thrown) {
    return { error: onlyGatewayError('uncaught', thrown), served }
  }
}

/** Waits for the reading to end. An upstream that says no more makes the client leave; what does not end then is a hang. */
async function settled(reading: Promise<Read>, wire: Wire, call: ModelCall<'chat'>): Promise<Read> {
  const state = { done: false }
  const end = reading.finally(() => (state.done = true))
  end.catch(nothing)
  for (let quiet = 0; !state.done;) {
    await turn()
    if (wire.idle === 20) call.cancel(fail('client_closed', 'the client left before the answer was complete'))
    if (wire.released || wire.idle > 20) quiet++
    if (quiet > patience) throw new Fault('hang', 'the answer never ended for the client')
  }
  return end
}
