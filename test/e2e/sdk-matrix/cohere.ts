import {
  bodyModel,
  bodyStreams,
  byId,
  halves,
  named,
  type Said,
  type ScriptedCall,
  spent,
  toolMessages,
  type UpstreamScript,
} from './script.ts'

const [input, output] = spent

/** Cohere’s chat of version 2. */
export const cohere: UpstreamScript = {
  type: 'cohere',
  path: /^\/v2\/chat$/,
  model: bodyModel,
  streams: bodyStreams,
  results: toolMessages,
  key: byId,
  whole: (said) => ({
    id: 'answer-1',
    message: {
      role: 'assistant',
      ...(said.text !== '' && { content: [{ type: 'text', text: said.text }] }),
      ...(said.calls.length > 0 && { tool_calls: said.calls.map((call) => cohereCall(call)) }),
    },
    ...cohereEnd(said),
  }),
  stream(said) {
    const texts = halves(said.text).map((text) => ({
      type: 'content-delta',
      index: 0,
      delta: { message: { content: { text } } },
    }))
    const calls = said.calls.flatMap((call, index) => [
      { type: 'tool-call-start', index, delta: { message: { tool_calls: cohereCall(call, '') } } },
      ...halves(JSON.stringify(call.input)).map((piece) => ({
        type: 'tool-call-delta',
        index,
        delta: { message: { tool_calls: { function: { arguments: piece } } } },
      })),
      { type: 'tool-call-end', index },
    ])
    const begin = {
      type: 'content-start',
      index: 0,
      delta: { message: { content: { type: 'text', text: '' } } },
    }
    const events = [
      { type: 'message-start', id: 'answer-1', delta: { message: { role: 'assistant', content: [] } } },
      ...(texts.length > 0 ? [begin, ...texts, { type: 'content-end', index: 0 }] : []),
      ...calls,
      { type: 'message-end', delta: cohereEnd(said) },
    ]
    return Buffer.from(`${named(events)}data: [DONE]\n\n`)
  },
  streamType: 'text/event-stream',
  limit: { id: 'x', message: 'Slow down.' },
}

function cohereCall({ id, name, input: given }: ScriptedCall, written = JSON.stringify(given)): object {
  return { id, type: 'function', function: { name, arguments: written } }
}

function cohereEnd({ calls }: Said): object {
  const tokens = { input_tokens: input, output_tokens: output }
  return { finish_reason: calls.length > 0 ? 'TOOL_CALL' : 'COMPLETE', usage: { billed_units: tokens, tokens } }
}
