import { describe, expect, test } from 'vitest'
import { type CaseResponse, isChatCompletions, readCases, saysDone, streamValues, type WireCase } from './case.ts'
import { finishClasses } from './finish.ts'
import { readCompletions, readUsage } from './meaning.ts'
import { isStreaming, judge, type Verdict } from './reading.ts'
import { inOddPieces, inOnePiece, inRecordedPieces, startUpstream } from './upstream.ts'

const cases = readCases(`${import.meta.dirname}/cases`).filter(isChatCompletions)

function caseOf(id: string): WireCase {
  const found = cases.find((wireCase) => wireCase.id === id)
  if (found === undefined) throw new Error(`no case ${id}`)
  return found
}

async function readingOf(id: string) {
  const verdict = await judge(caseOf(id))
  if (verdict.kind === 'refused') throw new Error(`${id} is a refusal`)
  return verdict.reading
}

async function callsOf(id: string): Promise<string[]> {
  const { choices } = await readingOf(id)
  return choices.flatMap(({ toolCalls }) => toolCalls.map((call) => `${call.name}(${call.arguments})`))
}

function inline(response: Partial<CaseResponse>): WireCase {
  const source = { repo: '', path: '', commit: '', license: '' }
  return { id: 'inline/case', api: 'inline', source, tags: [], response: { status: 200, headers: {}, ...response } }
}

const stream = (...data: string[]): string => data.map((line) => `data: ${line}\n\n`).join('')
const delta = (value: object, finish: string | null = null): string =>
  JSON.stringify({ choices: [{ index: 0, delta: value, finish_reason: finish }] })

describe('the reader of recordings', () => {
  test('judges every recorded case, and finds something in each', async () => {
    const verdicts = await Promise.all(cases.map((wireCase) => judge(wireCase)))
    const kinds = Object.groupBy(verdicts, ({ kind }: Verdict) => kind)
    expect(kinds.answer?.every((verdict) => verdict.kind === 'answer' && verdict.reading.choices.length > 0)).toBe(true)
    expect(kinds.broken).toHaveLength(2)
  })

  test('takes several ids on one index for several calls', async () => {
    const calls = await callsOf('openrouter/reqllm--google-gemini-2-5-flash-lite-object-streaming')
    expect(calls).toHaveLength(15)
    expect(calls.every((call) => call.startsWith('structured_output({'))).toBe(true)
  })

  test('continues a call whose later pieces have an empty id', async () => {
    expect(await callsOf('alibaba/vercel--alibaba-tool-call-stream')).toEqual([
      'weather({"location": "San Francisco"})',
    ])
  })

  test('reads a call on index -1', async () => {
    expect(await callsOf('zai/reqllm--glm-4-5-flash-object-streaming')).toHaveLength(1)
  })

  test('takes two complete calls without ids on one index for two', () => {
    const values = ['one', 'two'].map((name) =>
      JSON.parse(delta({ tool_calls: [{ index: 0, id: '', function: { name, arguments: '{}' } }] })),
    )
    expect(readCompletions(values).choices[0]?.toolCalls.map(({ name }) => name)).toEqual(['one', 'two'])
  })

  test('passes over the empty call placeholders of a vendor that fills every field', async () => {
    const { choices } = await readingOf('snowflake/pydantic-ai--snowflake-thinking')
    expect(choices[0]?.toolCalls).toMatchObject([{ name: 'get_weather', custom: false }])
    expect(choices[0]?.reasoning).toBe('Let me get the weather for Mexico City.')
  })

  test('keeps interleaved choices apart', async () => {
    const { choices } = await readingOf('openai-chat/ddtrace--completion-stream-multiple-choices-with-tools')
    expect(choices.map(({ toolCalls }) => toolCalls.map((call) => call.arguments))).toEqual([
      ['{"location":"San Francisco, CA"}'],
      ['{"location":"San Francisco, CA","unit":"celsius"}'],
    ])
  })

  test('finds reasoning in a content array and not in the text', async () => {
    const { choices } = await readingOf(
      'mistral/rubyllm--chat-with-extended-thinking-mistral-mistral-sm-rns-when-provided-1',
    )
    expect(choices[0]).toMatchObject({ text: '8 × 2 equals 16.', reasoning: expect.stringMatching(/^The user wants/) })
  })

  test('does not read the running message beside a delta', async () => {
    const { choices } = await readingOf(
      'perplexity/rubyllm--chat-streaming-responses-perplexity-sonar-supp-reaming-responses',
    )
    expect(choices[0]?.text).toBe('1 2 3')
  })

  test('takes the last usage and never a sum', async () => {
    const { usage } = await readingOf('databricks/chatlas--databricks-tool-variations-2')
    expect(usage).toMatchObject({ input: 501, output: 51 })
  })

  test('adds reasoning to the output only where the total shows it was counted apart', () => {
    const details = { completion_tokens_details: { reasoning_tokens: 266 } }
    expect(readUsage({ prompt_tokens: 466, completion_tokens: 68, total_tokens: 800, ...details })?.output).toBe(334)
    expect(readUsage({ prompt_tokens: 466, completion_tokens: 300, total_tokens: 766, ...details })?.output).toBe(300)
  })

  test('clamps counts that cannot be', () => {
    const usage = {
      prompt_tokens: -3,
      completion_tokens: 5,
      total_tokens: 5,
      completion_tokens_details: { reasoning_tokens: 9 },
    }
    expect(readUsage(usage)).toMatchObject({ input: 0, output: 5, reasoning: 5 })
  })
})

function ending(finishWords: string[], more: object = {}) {
  const silent = { index: 0, text: '', reasoning: '', refusal: '', transcript: '', toolCalls: [] }
  return finishClasses({ ...silent, finishWords, ...more })
}

describe('the end of an answer', () => {
  const toolCalls = [{ id: '', name: 'x', arguments: '', custom: false }]

  test('is a tool call by its content, whatever the word', () => {
    for (const word of ['stop', '', 'tool_call', 'function_call'])
      expect(ending([word], { toolCalls })).toEqual(new Set(['tool_calls']))
  })

  test('is a length stop also inside a tool call', () => {
    expect(ending(['length'], { toolCalls })).toEqual(new Set(['length']))
  })

  test('is a refusal when nothing else was said', () => {
    expect(ending(['stop'], { refusal: 'no' })).toEqual(new Set(['refusal']))
  })

  test('may be anything for a word nobody documents', () => {
    expect(ending(['sunset'])).toBeUndefined()
  })
})

describe('the verdict on a recording', () => {
  test('a stream that ends without a finish reason and without [DONE] is broken', async () => {
    expect(await judge(inline({ sse: stream(delta({ content: 'half' })) }))).toMatchObject({
      kind: 'broken',
      fault: { status: 502 },
    })
  })

  test('a stream that ends without [DONE] after a finish reason is complete', async () => {
    expect((await judge(inline({ sse: stream(delta({ content: 'all' }, 'stop')) }))).kind).toBe('answer')
  })

  test('an error after chunks breaks the stream, with what was said before it', async () => {
    const verdict = await judge(caseOf('groq/pydantic-ai--tool-use-failed-error-streaming-with-text'))
    expect(verdict).toMatchObject({ kind: 'broken', fault: { status: 400 }, reading: { choices: [{ text: 'maybe' }] } })
  })

  test('an error instead of the first chunk, or inside a success, is a refusal', async () => {
    const first = await judge(caseOf('openrouter/reqllm2--meta-llama-llama-3-3-70b-instruct-free-object-streaming'))
    const inside = await judge(caseOf('openrouter/reqllm2--mistralai-devstral-small-2505-tool-round-trip-2'))
    expect([first, inside]).toMatchObject([
      { kind: 'refused', fault: { status: 502 } },
      { kind: 'refused', fault: { status: 502 } },
    ])
  })

  test('a success that is no chat completion is unreadable', async () => {
    expect(await judge(inline({ bodyText: '<html>hello</html>' }))).toMatchObject({
      kind: 'refused',
      fault: { status: 502 },
    })
  })
})

describe('which cases are chat completions', () => {
  const request = { method: 'POST', headers: {}, body: null }

  test('is decided by the path asked for', () => {
    const path = '/openai/deployments/x/chat/completions?api-version=1'
    expect(isChatCompletions({ ...inline({ bodyText: '' }), request: { ...request, path } })).toBe(true)
  })

  test('is decided by the shape where there is no such path', () => {
    expect(isChatCompletions(inline({ sse: stream(delta({ content: 'x' })) }))).toBe(true)
    expect(isChatCompletions(inline({ body: { object: 'text_completion', choices: [{ text: 'x' }] } }))).toBe(false)
    expect(isChatCompletions(inline({ body: { type: 'message', content: [] } }))).toBe(false)
  })
})

describe('the replaying upstream', () => {
  test('cuts bytes without losing any', () => {
    for (const { response } of cases) {
      const whole = Buffer.concat(inOnePiece(response))
      expect(Buffer.concat(inOddPieces(response, 1)).equals(whole)).toBe(true)
      expect(Buffer.concat(inRecordedPieces(response) ?? [whole]).equals(whole)).toBe(true)
    }
  })

  test('answers a case as it was recorded, and tells what it was sent', async () => {
    const { response } = caseOf('together/openllmetry-js--set-attributes-in-span-for-streaming-chat-72904453')
    const upstream = await startUpstream()
    try {
      const { baseUrl, received } = upstream.mount(response, inOddPieces(response, 3))
      const answer = await fetch(`${baseUrl}/chat/completions?x=1`, { method: 'POST', body: '{"a":1}' })
      expect(await answer.text()).toBe(response.sse)
      expect(answer.headers.get('retry-after')).toBe(response.headers['retry-after'])
      expect(received).toMatchObject([
        { method: 'POST', path: '/chat/completions?x=1', body: { a: 1 }, raw: '{"a":1}' },
      ])
    } finally {
      await upstream.close()
    }
  })
})

test('reads the values of an event stream with comments, other line ends and no blank line at the end', () => {
  const sse = ': hello\r\n\r\nevent: error\r\ndata: {"a":\r\ndata: 1}\r\n\r\n\r\ndata: [DONE]'
  expect(streamValues(sse)).toEqual([{ event: 'error', value: { a: 1 } }])
  expect(saysDone(sse)).toBe(true)
})

test('a recorded error is asked for the way it was asked', () => {
  expect(isStreaming(caseOf('openai-chat/rubyopenai--gpt-3-5-turbo-streamed-chat-with-error-response'))).toBe(true)
  expect(isStreaming(caseOf('openai-chat/dspyrb--small-dataset'))).toBe(false)
})
