import { asText } from '../../wire/case.ts'
import { dataOnly, halves, maps, membersOf, type Said, spent, textParts, type UpstreamScript } from './script.ts'

const [input, output] = spent

/** Gemini’s contents. */
export const gemini: UpstreamScript = {
  type: 'gemini',
  path: /^\/v1beta\/models\/[^/:]+:(?:generateContent|streamGenerateContent\?alt=sse)$/,
  model: (path) => /models\/([^/:]+):/.exec(path)?.[1] ?? '',
  streams: (path) => path.includes(':stream'),
  results: ({ contents }) =>
    membersOf(
      maps(contents).flatMap(({ parts }) => maps(parts)),
      'functionResponse',
    ).map((result) => ({ key: asText(result['name']), output: JSON.stringify(result['response']) })),
  // Its calls have no ids, as those of most of its models.
  key: ({ name }) => name,
  whole: (said) => geminiChunk([...textParts([said.text]), ...callParts(said)], true),
  stream: (said) =>
    Buffer.from(
      dataOnly([
        ...textParts(halves(said.text)).map((part) => geminiChunk([part], false)),
        geminiChunk(callParts(said), true),
      ]),
    ),
  streamType: 'text/event-stream',
  limit: { error: { code: 429, message: 'Slow down.', status: 'RESOURCE_EXHAUSTED' } },
}

const callParts = ({ calls }: Said): object[] =>
  calls.map(({ name, input: args }) => ({ functionCall: { name, args } }))

function geminiChunk(parts: readonly object[], last: boolean): object {
  return {
    candidates: [{ content: { role: 'model', parts }, index: 0, ...(last && { finishReason: 'STOP' }) }],
    usageMetadata: {
      promptTokenCount: input,
      totalTokenCount: input + (last ? output : 0),
      ...(last && { candidatesTokenCount: output }),
    },
    modelVersion: 'scripted',
    responseId: 'response-1',
  }
}
