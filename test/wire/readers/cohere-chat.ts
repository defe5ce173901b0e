import { asList, asMap, asText, type CaseResponse, type JsonMap, streamValues } from '../case.ts'
import type { Spoken } from './spoken.ts'

/* Written from Cohere's reference of the chat of version 2, without a line of the gateway's: what a recorded answer says. */

interface Gathered {
  text: string
  thinking: string
  plan: string
  readonly calls: { id: string; name: string; arguments: string }[]
  readonly citations: JsonMap[]
}

/** What a recorded answer of the chat of version 2 says. */
export function readCohere(response: CaseResponse): Spoken {
  const gathered: Gathered = { text: '', thinking: '', plan: '', calls: [], citations: [] }
  if (response.sse === undefined) {
    const body = asMap(response.body) ?? {}
    const message = asMap(body['message']) ?? {}
    for (const block of asList(message['content'])) addContent(gathered, asMap(block) ?? {})
    gathered.plan = asText(message['tool_plan'])
    for (const call of asList(message['tool_calls'])) addCall(gathered, asMap(call) ?? {})
    for (const citation of asList(message['citations'])) gathered.citations.push(asMap(citation) ?? {})
    return spoken(asText(body['id']), gathered, body)
  }
  let id = ''
  let last: JsonMap = {}
  for (const { value } of streamValues(response.sse)) {
    const event = asMap(value) ?? {}
    const delta = asMap(event['delta']) ?? {}
    const message = asMap(delta['message']) ?? {}
    const type = asText(event['type'])
    if (type === 'message-start') id = asText(event['id'])
    if (type === 'content-start' || type === 'content-delta') addContent(gathered, asMap(message['content']) ?? {})
    if (type === 'tool-plan-delta') gathered.plan += asText(message['tool_plan'])
    if (type === 'tool-call-start') addCall(gathered, asMap(message['tool_calls']) ?? {})
    if (type === 'tool-call-delta') {
      const open = gathered.calls[Number(event['index'])]
      if (open !== undefined) open.arguments += argumentsOf(asMap(message['tool_calls']) ?? {})
    }
    if (type === 'citation-start') gathered.citations.push(asMap(message['citations']) ?? {})
    if (type === 'message-end') last = delta
  }
  return spoken(id, gathered, last)
}

function addContent(gathered: Gathered, block: JsonMap): void {
  gathered.text += asText(block['text'])
  gathered.thinking += asText(block['thinking'])
}

function addCall({ calls }: Gathered, call: JsonMap): void {
  calls.push({ id: asText(call['id']), name: asText(asMap(call['function'])?.['name']), arguments: argumentsOf(call) })
}

function argumentsOf(call: JsonMap): string {
  return asText(asMap(call['function'])?.['arguments'])
}

function spoken(id: string, { text, thinking, plan, calls, citations }: Gathered, last: JsonMap): Spoken {
  const usage = asMap(last['usage'])
  const tokens = asMap(usage?.['tokens'])
  const count = (value: unknown): number => Number(value ?? 0)
  return {
    id,
    model: '',
    text,
    reasoning: plan + thinking,
    signatures: [],
    redacted: [],
    calls: calls.map((call) => ({
      id: call.id,
      name: call.name,
      input: JSON.parse(call.arguments || '{}') as unknown,
    })),
    citations: citations.map((citation) => [count(citation['start']), count(citation['end'])]),
    finish: asText(last['finish_reason']),
    ...(tokens !== undefined && {
      usage: {
        input: count(tokens['input_tokens']) + count(tokens['image_tokens']),
        output: count(tokens['output_tokens']),
        cacheRead: count(usage?.['cached_tokens']),
        cacheWrite: 0,
      },
    }),
  }
}
