import type { ChatAnswer } from '../contract.ts'
import { AnswerEncoder, completionOf } from '../openai/encode-answer.ts'
import { errorObject } from './errors.ts'

const usageAlone = '"choices":[],"usage":'
const usageBesideChoice = '"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":null}],"usage":'

/**
 * Writes one answer: OpenAI's objects under the name that was asked for, whole in the envelope, streamed bare. The chunk with
 * the usage has a choice that says nothing, because clients of this API read `choices[0]` of every chunk.
 */
export function scaigridAnswer(): ChatAnswer {
  const chunks = new AnswerEncoder({ asked: true, includeUsage: true })
  return {
    whole(response, served) {
      const meta = { request_id: served.requestId }
      const completion = completionOf(response, served, true)
      const data = { ...completion, _meta: { ...meta, latency_ms: Math.round(served.elapsed()) } }
      return JSON.stringify({ status: 'ok', data, meta })
    },
    events: (batch, served) => chunks.events(batch, served).replace(usageAlone, usageBesideChoice),
    end: () => chunks.end(),
    fail: (error) => `event: error\ndata: ${JSON.stringify(errorObject(error))}\n\n${chunks.end()}`,
  }
}
