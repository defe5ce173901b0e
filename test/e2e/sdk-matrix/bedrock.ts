import { EventStreamCodec } from '@smithy/eventstream-codec'
import { asText } from '../../wire/case.ts'
import { byId, halves, maps, membersOf, spent, textParts, type UpstreamScript } from './script.ts'

const [input, output] = spent

/** Amazon’s Converse. */
export const bedrock: UpstreamScript = {
  type: 'bedrock',
  path: /^\/model\/[^/]+\/converse(?:-stream)?$/,
  model: (path) => /^\/model\/([^/]+)\//.exec(path)?.[1] ?? '',
  streams: (path) => path.endsWith('-stream'),
  results: ({ messages }) =>
    membersOf(
      maps(messages).flatMap(({ content }) => maps(content)),
      'toolResult',
    ).map((result) => ({ key: asText(result['toolUseId']), output: JSON.stringify(result['content']) })),
  key: byId,
  whole: (said) => ({
    output: {
      message: {
        role: 'assistant',
        content: [
          ...textParts([said.text]),
          ...said.calls.map(({ id, name, input: given }) => ({ toolUse: { toolUseId: id, name, input: given } })),
        ],
      },
    },
    stopReason: said.calls.length > 0 ? 'tool_use' : 'end_turn',
    usage: { inputTokens: input, outputTokens: output, totalTokens: input + output },
    metrics: { latencyMs: 1 },
  }),
  stream(said) {
    const texts = halves(said.text).map((text) => frame('contentBlockDelta', { contentBlockIndex: 0, delta: { text } }))
    const calls = said.calls.flatMap(({ id, name, input: given }, contentBlockIndex) => [
      frame('contentBlockStart', { contentBlockIndex, start: { toolUse: { toolUseId: id, name } } }),
      ...halves(JSON.stringify(given)).map((piece) =>
        frame('contentBlockDelta', { contentBlockIndex, delta: { toolUse: { input: piece } } }),
      ),
      frame('contentBlockStop', { contentBlockIndex }),
    ])
    return Buffer.concat([
      frame('messageStart', { role: 'assistant' }),
      ...texts,
      ...(texts.length > 0 ? [frame('contentBlockStop', { contentBlockIndex: 0 })] : []),
      ...calls,
      frame('messageStop', { stopReason: said.calls.length > 0 ? 'tool_use' : 'end_turn' }),
      frame('metadata', { usage: { inputTokens: input, outputTokens: output, totalTokens: input + output } }),
    ])
  },
  streamType: 'application/vnd.amazon.eventstream',
  limit: { message: 'Slow down.' },
}

/** One binary frame of an event stream of Amazon's. */
function frame(type: string, payload: object): Buffer {
  const codec = new EventStreamCodec(
    (bytes) => Buffer.from(bytes).toString(),
    (text) => Buffer.from(text),
  )
  const text = (value: string) => ({ type: 'string' as const, value })
  const headers = {
    ':event-type': text(type),
    ':content-type': text('application/json'),
    ':message-type': text('event'),
  }
  return Buffer.from(codec.encode({ headers, body: Buffer.from(JSON.stringify(payload)) }))
}
