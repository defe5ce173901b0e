import type { ChatAnswer } from '../contract.ts'
import { AnswerEncoder, completionOf } from '../openai/encode-answer.ts'
import { envelope } from './envelope.ts'
import { errorObject } from './errors.ts'

const usageAlone = '"choices":[],"usage":'
const usageBesideChoice = '"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":null}],"usage":'

/** Characters that Python takes for line ends and event streams do not: clients of this API split its streams with Python. */
const foreignLineEnds = /[\u0085\u2028\u2029]/g

/** JSON with those characters spelled out. */
export function splittable(json: string): string {
  return json.replaceAll(foreignLineEnds, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/**
 * Writes one answer: OpenAI's objects under the name that was asked for, whole in the envelope, streamed bare. The chunk with
 * the usage has a choice that says nothing, because clients of this API read `choices[0]` of every chunk.
 */
export function scaigridAnswer(): ChatAnswer {
  const chunks = new AnswerEncoder({ asked: true, includeUsage: true })
  return {
    whole(response, served) {
      const { requestId } = served
      const told = { request_id: requestId, latency_ms: Math.round(served.elapsed()) }
      return JSON.stringify(envelope({ ...completionOf(response, served, true), _meta: told }, requestId))
    },
    events: (batch, served) => splittable(chunks.events(batch, served).replace(usageAlone, usageBesideChoice)),
    end: () => chunks.end(),
    fail: (error) => `event: error\ndata: ${splittable(JSON.stringify(errorObject(error)))}\n\n${chunks.end()}`,
  }
}
