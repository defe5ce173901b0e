import { fail } from '../../error/index.ts'
import type { Ask, AskOf, OperationName, Payload, StreamedAnswer, WholeAnswer } from '../operation.ts'
import { sseReader } from '../sse.ts'
import { streamedSpeech, wholeSpeech } from './encode-speech.ts'
import { chunkFrame, streamEnd, wholeAnswer } from './frames.ts'

/** Operations whose answer comes at once. */
type WholeName = 'embed' | 'generate_images' | 'transcribe' | 'create_video'

/**
 * The same question with its answer wrapped. An answer that comes at once is the one chunk of a stream, where one is asked for; sound
 * is wrapped in JSON.
 */
export function wrapped(ask: Ask, streaming: boolean): Ask {
  switch (ask.operation) {
    case 'generate':
      return ask.streaming
        ? { ...ask, answer: wrappedStream(ask.answer) }
        : { ...ask, answer: wrappedWhole(ask.answer) }
    case 'synthesize':
      return streaming
        ? { ...ask, streaming: true, answer: streamedSpeech }
        : { ...ask, streaming: false, answer: wholeSpeech }
    case 'embed':
    case 'generate_images':
    case 'transcribe':
    case 'create_video':
      // Each of them alone is what the union of them is not to the compiler.
      if (!ask.streaming) return atOnce<WholeName>(ask, streaming) as Ask
      break
    case 'chat':
    case 'infer':
      break
    default:
      ask satisfies never
  }
  throw fail('internal', 'the arguments cannot be answered')
}

function atOnce<Name extends WholeName>(
  { answer, ...ask }: AskOf<Name> & { readonly streaming: false },
  streaming: boolean,
): AskOf<Name> {
  return streaming
    ? { ...ask, streaming: true, answer: onlyChunk(answer) }
    : { ...ask, streaming: false, answer: wrappedWhole(answer) }
}

function wrappedWhole<Name extends OperationName>(answer: WholeAnswer<Name>): WholeAnswer<Name> {
  return { ...answer, whole: (response, served) => wholeAnswer(jsonOf(answer.whole(response, served))) }
}

function onlyChunk<Name extends WholeName>(answer: WholeAnswer<Name>): StreamedAnswer<Name> {
  return {
    events: (batch, served) => batch.map((one) => chunkFrame(jsonOf(answer.whole(one, served)))).join(''),
    ...streamEnd,
  }
}

/** Each event of a stream, in its place in ours. */
function wrappedStream<Name extends OperationName>(answer: StreamedAnswer<Name>): StreamedAnswer<Name> {
  const reader = sseReader()
  const rewrapped = (text: string | Uint8Array): string =>
    reader
      .read(Buffer.from(text))
      .filter(({ data }) => data !== '[DONE]')
      .map(({ data }) => chunkFrame(data))
      .join('')
  return {
    events: (batch, served) => rewrapped(answer.events(batch, served)),
    end: () => rewrapped(answer.end()) + streamEnd.end(),
    fail: streamEnd.fail,
  }
}

/** An answer that is no JSON is a string in it. */
function jsonOf(written: string | Payload): string {
  return typeof written === 'string' ? written : JSON.stringify(Buffer.from(written.body).toString())
}
