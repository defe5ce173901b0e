import type { ChatAnswer } from '../contract.ts'
import { AnswerEncoder } from '../openai/encode-answer.ts'
import { errorBody } from './errors.ts'

/** Line breaks between the tokens of a chunk would end its `data:` line. */
function chunkFrame(json: string): string {
  return `data: {"object":"generic_inference.chunk","response":${json.replaceAll('\n', ' ').replaceAll('\r', ' ')}}\n\n`
}

/**
 * Writes one answer: the model's own, wrapped. What an upstream of OpenAI's format said is put in as it was; any other answer is
 * told in that format, because that is how `args` was understood.
 */
export function genericAnswer(includeUsage: boolean): ChatAnswer {
  const chunks = new AnswerEncoder({ asked: false, includeUsage, frame: chunkFrame })
  return {
    whole: (response, served) => `{"object":"generic_inference","response":${chunks.whole(response, served)}}`,
    events: (batch, served) => chunks.events(batch, served),
    end: () => chunks.end(),
    fail: (error) => `data: ${errorBody(error)}\n\n`,
  }
}
