import type { ChatAnswer } from '../contract.ts'
import { AnswerEncoder } from '../openai/encode-answer.ts'
import { chunkFrame, streamEnd, wholeAnswer } from './frames.ts'

/**
 * Writes one answer: the model's own, wrapped. What an upstream of OpenAI's format said is put in as it was; any other answer is
 * told in that format, because that is how `args` was understood.
 */
export function chatAnswer(includeUsage: boolean): ChatAnswer {
  const chunks = new AnswerEncoder({ asked: false, includeUsage, frame: chunkFrame })
  return {
    whole: (response, served) => wholeAnswer(chunks.whole(response, served)),
    events: (batch, served) => chunks.events(batch, served),
    ...streamEnd,
  }
}
