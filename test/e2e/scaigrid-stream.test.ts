import { describe, expect, test } from 'vitest'
import { ask } from '../faults/client.ts'
import { delta, frame, frames, pieces } from '../faults/upstream.ts'
import { bearer, keyEntry, saying, sharedGateway } from './gateway.ts'

const key = 'sk-scaigrid'
const model = 'scailabs/poolnoodle-omni'
const gateway = await sharedGateway({
  config: {
    aliases: { [model]: ['simulator/echo'], 'scailabs/poolnoodle-far': ['up/far'] },
    keys: [keyEntry('user', key)],
  },
})
const url = `${gateway.url}/v1/inference/chat`

const story = { messages: saying('Tell me a story.'), stream: true }

/** What `iter_lines` of the page's client takes for the end of a line, as far as JSON may hold it unescaped. */
const pythonLineEnds = /\r\n|[\n\r\x85\u2028\u2029]/

/** Reads a stream as the page's reader in Python does: by lines, `[DONE]` ends it, an `event: error` is told before its data. */
async function readByLines(body: object): Promise<{ text: string; error: unknown; done: boolean; rest: string[] }> {
  const { text: stream } = await ask(url, body, bearer(key))
  const lines = stream.split(pythonLineEnds)
  let [text, error, failing]: [string, unknown, boolean] = ['', undefined, false]
  for (const [index, line] of lines.entries()) {
    if (line.startsWith('event: error')) failing = true
    if (!line.startsWith('data: ')) continue
    const payload = line.slice(6)
    if (payload === '[DONE]') return { text, error, done: true, rest: lines.slice(index + 1).filter(Boolean) }
    const chunk = JSON.parse(payload) as Chunk
    if (failing) error = chunk
    else text += firstChoice(chunk).delta.content ?? ''
  }
  return { text, error, done: false, rest: [] }
}

interface Chunk {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[]
}

/** The page's readers take it that every chunk has one. */
function firstChoice({ choices }: Chunk): Chunk['choices'][number] {
  return choices[0] ?? expect.fail('a chunk has no choice')
}

describe('a stream', () => {
  test('is read by the reader of the page in JavaScript', async () => {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ model, ...story }),
    })
    expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/)
    const decoder = new TextDecoder()
    let [buffered, text, done] = ['', '', false]
    for await (const bytes of answer.body ?? []) {
      buffered += decoder.decode(bytes, { stream: true })
      const lines = buffered.split('\n')
      buffered = lines.pop() ?? ''
      for (const line of lines) {
        if (!line.startsWith('data: ')) continue
        const payload = line.slice(6)
        if (payload === '[DONE]') done = true
        else text += firstChoice(JSON.parse(payload) as Chunk).delta.content ?? ''
      }
    }
    expect([text, done]).toEqual(['[simulated] You said: Tell me a story.', true])
  })

  test('is read by the reader of the page in Python, to its end', async () => {
    expect(await readByLines({ model, ...story })).toEqual({
      text: '[simulated] You said: Tell me a story.',
      error: undefined,
      done: true,
      rest: [],
    })
  })

  test('is not broken by the line ends of another language in its words, nor in those of an error', async () => {
    const words = 'one\u2028two\u2029three\x85four'
    expect((await readByLines({ model, ...story, messages: saying(words) })).text).toContain(words)
    gateway.upstream.answer('far', pieces([delta(words), frame({ error: { message: words, code: 400 } })], 'end'))
    expect(await readByLines({ model: 'scailabs/poolnoodle-far', ...story })).toMatchObject({
      text: words,
      error: { code: 'invalid_request', message: words },
      done: true,
    })
  })

  test('has the headers that a whole answer has', async () => {
    const { headers } = await ask(url, { model, ...story }, { ...bearer(key), 'X-Request-ID': 'stream-1' })
    expect(headers).toMatchObject({
      'x-scaigrid-request-id': 'stream-1',
      'x-scaigrid-model': model,
      'x-scaigrid-backend': 'simulator/echo',
    })
  })

  test.each([
    ['an upstream that is cut', 'scailabs/poolnoodle-far', 'one two '],
    ['a provider that fails', 'simulator/error-after-1', '[simulated]'],
  ])('of %s ends with an error event and [DONE] after it', async (_what, name, text) => {
    gateway.upstream.answer('far', pieces([delta('one '), delta('two ')], 'cut'))
    expect(await readByLines({ model: name, ...story })).toEqual({
      text,
      error: { code: 'backend_error', message: expect.any(String) },
      done: true,
      rest: [],
    })
  })

  test('of an upstream that ends well tells its words under the name that was asked for', async () => {
    gateway.upstream.answer('far', pieces(frames, 'end'))
    const { text: stream } = await ask(url, { model: 'scailabs/poolnoodle-far', ...story }, bearer(key))
    expect(stream).toContain('"model":"scailabs/poolnoodle-far"')
    expect(stream).not.toContain('"model":"fault"')
    expect(stream).toMatch(/"usage":\{"prompt_tokens":11,[^]*data: \[DONE\]\n\n$/)
  })
})
