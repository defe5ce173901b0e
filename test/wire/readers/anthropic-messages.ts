import Anthropic from '@anthropic-ai/sdk'
import { classOf, type FinishClass } from '../finish.ts'
import type { Said } from './said.ts'

/** What the official SDK reads from an answer in Anthropic's format. Throws what the SDK throws. */
export async function readAnthropic(text: string, streamed: boolean): Promise<Said> {
  const headers = { 'content-type': streamed ? 'text/event-stream' : 'application/json' }
  const fetch = (): Promise<Response> => Promise.resolve(new Response(streamed ? readable(text) : text, { headers }))
  const sdk = new Anthropic({ apiKey: 'none', maxRetries: 0, baseURL: 'http://127.0.0.1:1', fetch, logLevel: 'off' })
  const asked = { model: 'm', max_tokens: 1, messages: [{ role: 'user' as const, content: '?' }] }
  // Only the beta half of the SDK knows every kind of block.
  const message = streamed
    ? await sdk.beta.messages.stream(asked).finalMessage()
    : await sdk.beta.messages.create(asked)
  const { content, stop_reason: word, usage } = message
  const input = usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0)
  return {
    text: content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
    reasoning: content.map((block) => (block.type === 'thinking' ? block.thinking : '')).join(''),
    calls: content.flatMap((block) => {
      if (block.type !== 'tool_use') return []
      const cut = (block.input as { INVALID_JSON?: unknown }).INVALID_JSON
      return [{ id: block.id, name: block.name, input: cut ?? block.input }]
    }),
    finish: finishOf(word ?? 'none'),
    usage: { input, output: usage.output_tokens, cacheRead: usage.cache_read_input_tokens ?? 0 },
  }
}

/**
 * The stream as the SDK can read it: some recordings lack the empty line that ends the last event, and some go-betweens
 * say the start twice, or end with the `[DONE]` of another format.
 */
function readable(text: string): string {
  const starts = new Set<string>()
  const events = text.split(/(?:\r?\n){2,}/).filter((event) => {
    const data = /^data: ?(.*)$/m.exec(event)?.[1] ?? ''
    if (data === '[DONE]') return false
    if (!data.includes('"message_start"')) return true
    const again = starts.has(data)
    starts.add(data)
    return !again
  })
  return `${events.join('\n\n')}\n\n`
}

function finishOf(word: string): FinishClass {
  return word === 'model_context_window_exceeded' ? 'length' : (classOf(word) ?? 'other')
}
