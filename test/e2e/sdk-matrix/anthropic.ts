import { asText } from '../../wire/case.ts'
import { bodyModel, bodyStreams, byId, halves, maps, named, spent, type UpstreamScript } from './script.ts'

const [input, output] = spent

/** Anthropic’s messages. */
export const anthropic: UpstreamScript = {
  type: 'anthropic',
  path: /^\/v1\/messages$/,
  model: bodyModel,
  streams: bodyStreams,
  results: ({ messages }) =>
    maps(messages)
      .flatMap(({ content }) => maps(content))
      .filter(({ type }) => type === 'tool_result')
      .map((block) => ({ key: asText(block['tool_use_id']), output: JSON.stringify(block['content']) })),
  key: byId,
  whole: (said) => ({
    ...messageHead,
    content: [
      ...(said.text === '' ? [] : [{ type: 'text', text: said.text }]),
      ...said.calls.map((call) => ({ type: 'tool_use', ...call })),
    ],
    stop_reason: said.calls.length > 0 ? 'tool_use' : 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: input, output_tokens: output },
  }),
  stream(said) {
    const blocks = [
      ...(said.text === ''
        ? []
        : [
            {
              begin: { type: 'text', text: '' },
              deltas: halves(said.text).map((text): object => ({ type: 'text_delta', text })),
            },
          ]),
      ...said.calls.map(({ id, name, input: given }) => ({
        begin: { type: 'tool_use', id, name, input: {} },
        deltas: ['', ...halves(JSON.stringify(given))].map((piece): object => ({
          type: 'input_json_delta',
          partial_json: piece,
        })),
      })),
    ]
    const events = blocks.flatMap(({ begin, deltas }, index) => [
      { type: 'content_block_start', index, content_block: begin },
      ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
      { type: 'content_block_stop', index },
    ])
    const started = { ...messageHead, content: [], stop_reason: null, stop_sequence: null }
    return Buffer.from(
      named([
        {
          type: 'message_start',
          message: { ...started, usage: { input_tokens: input, output_tokens: 1 } },
        },
        ...events,
        {
          type: 'message_delta',
          delta: { stop_reason: said.calls.length > 0 ? 'tool_use' : 'end_turn', stop_sequence: null },
          usage: { output_tokens: output },
        },
        { type: 'message_stop' },
      ]),
    )
  },
  streamType: 'text/event-stream',
  limit: { type: 'error', error: { type: 'rate_limit_error', message: 'Slow down.' } },
}

const messageHead = { id: 'msg_1', type: 'message', role: 'assistant', model: 'scripted' }
