import OpenAI from 'openai'
import { parseOrText } from '../case.ts'
import type { FinishClass } from '../finish.ts'
import { endByContent, type Said } from './said.ts'

type SdkResponse = OpenAI.Responses.Response
type Usage = OpenAI.Responses.ResponseUsage

/** What the official SDK reads from an answer in the format of Responses. Throws when it failed, or has no end. */
export async function readResponses(text: string, streamed: boolean): Promise<Said> {
  const { output, usage, status, incomplete_details: cause, error } = await responseBySdk(text, streamed)
  if (status === 'failed' || error != null) throw new Error('the answer failed')
  const contents = output.flatMap((item) => (item.type === 'message' ? item.content : []))
  const calls = output.flatMap((item) => {
    if (item.type === 'function_call') {
      return [{ id: item.call_id, name: item.name, input: item.arguments === '' ? {} : parseOrText(item.arguments) }]
    }
    return item.type === 'custom_tool_call' ? [{ id: item.call_id, name: item.name, input: item.input }] : []
  })
  const refusal = contents.map((content) => (content.type === 'refusal' ? content.refusal : '')).join('')
  const thoughts = output.flatMap((item) =>
    item.type === 'reasoning' ? [...item.summary, ...(item.content ?? [])] : [],
  )
  return {
    text: contents.map((content) => (content.type === 'output_text' ? content.text : '')).join('') + refusal,
    reasoning: thoughts.map((thought) => thought.text).join(''),
    calls,
    finish: status === 'completed' ? endByContent(calls, refusal) : cutBy(cause?.reason),
    ...(usage && { usage: counts(usage) }),
  }
}

/** Counts below nothing were recorded, which then are what their parts are, and usage without its details. */
function counts({
  input_tokens: input,
  output_tokens: output,
  input_tokens_details: read,
  output_tokens_details: made,
}: Usage): NonNullable<Said['usage']> {
  return {
    input: Math.max(0, input),
    output: output < 0 ? made.reasoning_tokens : output,
    cacheRead: (read as Partial<typeof read> | null)?.cached_tokens ?? 0,
  }
}

function cutBy(reason: string | undefined): FinishClass {
  if (reason === 'max_output_tokens') return 'length'
  return reason === 'content_filter' ? 'content_filter' : 'other'
}

type Ended = Pick<SdkResponse, 'output' | 'usage' | 'status' | 'incomplete_details' | 'error'>

/** Of a stream, the items as they were done, because its end may list none of them. */
async function responseBySdk(text: string, streamed: boolean): Promise<Ended> {
  const headers = { 'content-type': streamed ? 'text/event-stream' : 'application/json' }
  const fetch = (): Promise<Response> => Promise.resolve(new Response(text, { headers }))
  const sdk = new OpenAI({ apiKey: 'none', baseURL: 'http://127.0.0.1/v1', maxRetries: 0, logLevel: 'off', fetch })
  if (!streamed) return sdk.responses.create({ model: 'm', input: '?' })
  const items: OpenAI.Responses.ResponseOutputItem[] = []
  let last: SdkResponse | undefined
  for await (const event of await sdk.responses.create({ model: 'm', input: '?', stream: true })) {
    if (event.type === 'response.output_item.done') items[event.output_index] = event.item
    if (event.type === 'response.completed' || event.type === 'response.incomplete') last = event.response
    if (event.type === 'error' || event.type === 'response.failed') throw new Error('the answer failed')
  }
  if (last === undefined) throw new Error('the answer has no end')
  // What the end tells under another index than the stream did is not another item.
  const known = new Set(items.flatMap((item) => item.id ?? []))
  for (const [index, item] of last.output.entries()) if (!known.has(item.id ?? '')) items[index] ??= item
  return { ...last, output: items }
}
