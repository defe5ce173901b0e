import { once } from 'node:events'
import { createServer } from 'node:http2'
import { parseArgs } from 'node:util'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import {
  type ChatRequest,
  fail,
  finished,
  FinishReason,
  type Provider,
  refuseDropped,
  serveProvider,
  started,
  textDelta,
  usage,
  usageEvent,
} from '#provider'

/** The provider: repeats the last message backwards, one word at a time. */
const provider: Provider = {
  async *chat(request: ChatRequest, { signal }) {
    if (request.model !== 'backwards')
      throw fail('model_not_found', `there is no model "${request.model}"; ask for backwards`)
    const dropped = droppedOf(request)
    refuseDropped(request, dropped)
    const words = lastText(request).split(/\s+/).toReversed()
    yield started({ id: `backwards-${words.length}`, model: request.model, dropped })
    for (const [index, word] of words.entries()) {
      signal.throwIfAborted()
      yield textDelta(index === 0 ? word : ` ${word}`)
    }
    yield finished({ reason: FinishReason.STOP, upstreamReason: 'done' })
    yield usageEvent(usage({ inputTokens: words.length, outputTokens: words.length }))
  },
  async *listModels() {
    yield { id: 'backwards', operations: ['chat'] }
  },
}

function lastText({ messages }: ChatRequest): string {
  const parts = messages.at(-1)?.parts ?? []
  return parts.map(({ kind }) => (kind.case === 'text' ? kind.value.text : '')).join('')
}

/** What this provider makes use of. Everything else that a request has is named as dropped, never left out silently. */
const carried: ReadonlySet<string> = new Set(['$typeName', 'model', 'provider', 'messages', 'strict', 'source'])

function droppedOf(request: ChatRequest): string[] {
  const fields = Object.entries(request).filter(([field, value]) => !carried.has(field) && isGiven(value))
  const names = fields.map(([field]) => field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
  const parts = request.messages.flatMap((message, at) =>
    message.parts.flatMap(({ kind }, place) => (kind.case === 'text' ? [] : [`messages[${at}].parts[${place}]`])),
  )
  return [...(request.source?.untranslated ?? []), ...names, ...parts]
}

/** A list or a map that is empty was not given, nor was a field without a value. */
function isGiven(value: unknown): boolean {
  return typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : value !== undefined
}

/** This provider asks nobody else. */
const noEgress = async (): Promise<never> => {
  throw fail('unsupported_operation', 'this provider has no way out')
}

const write = (fields: object, message: string) => void process.stderr.write(`${message} ${JSON.stringify(fields)}\n`)

const routes = serveProvider(provider, {
  egress: { send: noEgress, sendGuarded: noEgress, close: async () => {} },
  log: { debug: () => {}, info: write, warn: write, error: write },
})

const { values } = parseArgs({ options: { port: { type: 'string', default: '50051' } } })
const answer = connectNodeAdapter({ routes, readMaxBytes: 32 * 1024 * 1024 })

// The adapter builds a URL of the authority a client names, and an impossible one would end the process.
const server = createServer((request, response) => {
  if (URL.canParse(`http://${request.authority}`)) answer(request, response)
  else response.writeHead(400).end()
})
server.listen(Number(values.port), '127.0.0.1')
await once(server, 'listening')
const address = server.address()
process.stdout.write(`listening on http://127.0.0.1:${typeof address === 'object' ? address?.port : address}\n`)
