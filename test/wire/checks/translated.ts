import type { ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import { translationProblems } from '../alike/index.ts'
import { asMap, type JsonMap, type WireCase } from '../case.ts'
import { withoutParts } from '../contract-paths.ts'
import { type DecodedRequest, decode, encode, type RecordedRequest, requestOf } from '../halves.ts'
import { rpcPatience } from './canonical.ts'
import { oneDelivery, seedOf } from './deliveries.ts'
import { type Line, modelName, type Probe } from './probe.ts'

/**
 * A recorded request says the same after it was translated to the contract and back, its source removed: by the halves of its dialect
 * alone, and where there is an answer to ask for, at the upstream of a gateway that was asked in the contract.
 */
export function translatedProbes(wireCase: WireCase, streaming: boolean, answered: boolean): Probe[] {
  const recorded = requestOf(wireCase, streaming)
  // What a prompt that the vendor keeps asks for is not in the request.
  if (recorded === undefined || (recorded.dialect === 'responses' && recorded.body['input'] == null)) return []
  const pieces = oneDelivery(wireCase.response, seedOf(`translated ${wireCase.id}`))
  return [
    {
      check: 'translated',
      label: '',
      pieces,
      async run(line) {
        const decoded = decodedOrRefused(recorded, wireCase)
        if (decoded === undefined) return []
        const halves = byHalves(recorded, decoded).map((problem) => `halves: ${problem}`)
        return answered && halves.length === 0 ? live(recorded, decoded, line) : halves
      },
    },
  ]
}

/** What was read; undefined for what the gateway refuses as the recorded vendor did. Throws where it refuses alone. */
function decodedOrRefused(recorded: RecordedRequest, { response: { status } }: WireCase): DecodedRequest | undefined {
  try {
    return decode(recorded)
  } catch (refusal) {
    if (status === 400 || status === 422) return undefined
    throw refusal
  }
}

function byHalves({ dialect, body, model, streaming }: RecordedRequest, decoded: DecodedRequest): string[] {
  const { body: written, dropped } = encode(dialect, decoded.request, streaming)
  return translationProblems(dialect, {
    recorded: body,
    written,
    dropped: [...decoded.untranslated, ...dropped],
    model,
  })
}

/** Asks over RPC with the contract's message, and compares what the upstream got. */
async function live(recorded: RecordedRequest, decoded: DecodedRequest, line: Line): Promise<string[]> {
  const { dialect, streaming, model } = recorded
  const dropped = await droppedBy(line, decoded.request, streaming)
  const written = asMap(line.received[0]?.body)
  if (written === undefined) return ['live: never reached the upstream']
  // Where the path names the model, the body need not, or says what nobody reads.
  const { model: _named, ...unnamed } = recorded.body
  const body = written['model'] === undefined ? unnamed : { ...recorded.body, model }
  const expected =
    dropped.length === 0 ? { body, dropped: decoded.untranslated } : withoutDropped(recorded, decoded, dropped)
  return translationProblems(dialect, { recorded: expected.body, written, dropped: expected.dropped, model }).map(
    (problem) => `live: ${problem}`,
  )
}

/**
 * What is left of a request when the parts are gone that the answer names: paths of the contract, so they are taken out of the message,
 * and what the halves make of the rest is what is expected. That they carry everything else was seen before.
 */
function withoutDropped(
  { dialect, streaming }: RecordedRequest,
  { request }: DecodedRequest,
  dropped: readonly string[],
): { readonly body: JsonMap; readonly dropped: readonly string[] } {
  return { body: encode(dialect, withoutParts(request, dropped), streaming).body, dropped: [] }
}

/** Asks for an answer, and says what it names as dropped. */
async function droppedBy(line: Line, request: ChatRequest, streaming: boolean): Promise<readonly string[]> {
  const asked = { ...request, model: modelName(line) }
  if (!streaming) return (await line.connect.chat(asked, rpcPatience())).dropped
  const dropped: string[] = []
  for await (const { event } of line.connect.streamChat(asked, rpcPatience())) {
    if (event.case === 'started') dropped.push(...event.value.dropped)
  }
  return dropped
}
