import {
  bodyModel,
  bodyStreams,
  byId,
  dataOnly,
  halves,
  type Said,
  spent,
  toolMessages,
  type UpstreamScript,
} from './script.ts'

const [input, output] = spent

/** Chat completions, as more than one vendor speaks them. The type is the plugin that asks. */
export function chatCompletions(type: string): UpstreamScript {
  const usage = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output }
  const calls = (said: Said) =>
    said.calls.map((call, index) => ({
      index,
      id: call.id,
      type: 'function',
      function: { name: call.name, arguments: JSON.stringify(call.input) },
    }))
  const reason = (said: Said): string => (said.calls.length > 0 ? 'tool_calls' : 'stop')
  const head = { id: 'chatcmpl-1', created: 1, model: 'scripted' }
  return {
    type,
    path: /^\/chat\/completions$/,
    model: bodyModel,
    streams: bodyStreams,
    results: toolMessages,
    key: byId,
    whole: (said) => ({
      ...head,
      object: 'chat.completion',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: said.text === '' ? null : said.text,
            ...(said.calls.length > 0 && { tool_calls: calls(said) }),
          },
          finish_reason: reason(said),
        },
      ],
      usage,
    }),
    stream(said) {
      const deltas = [
        { role: 'assistant', content: '' },
        ...halves(said.text).map((content) => ({ content })),
        ...calls(said).map((call) => ({ tool_calls: [call] })),
      ]
      const chunk = (delta: object, finish: string | null): object => ({
        ...head,
        object: 'chat.completion.chunk',
        choices: [{ index: 0, delta, finish_reason: finish }],
      })
      const end = { ...chunk({}, reason(said)), usage }
      return Buffer.from(`${dataOnly([...deltas.map((delta) => chunk(delta, null)), end])}data: [DONE]\n\n`)
    },
    streamType: 'text/event-stream',
    limit: { error: { message: 'Slow down.', type: 'requests', param: null, code: 'rate_limit_exceeded' } },
  }
}
