import { type JsonMap, saysDone, streamValues } from '../case.ts'
import { firstDifference } from '../compare.ts'
import { requestOf } from '../halves.ts'
import { arrivalProblems } from './arrival.ts'
import { bodyOf, headProblems, type HttpAnswer, post, valuesOf } from './http.ts'
import { allDeliveries, oneDelivery, seedOf } from './deliveries.ts'
import { type Line, modelName, plainTurn, type Probe, type Subject } from './probe.ts'

/**
 * Asked in the upstream's own dialect with the recorded request, the gateway hands the recording through: the body, or
 * the data of every chunk, equal as JSON.
 */
export function openaiProbes(subject: Subject): Probe[] {
  const { wireCase, verdict } = subject
  if (verdict.kind !== 'answer') return []
  return allDeliveries(wireCase.response, seedOf(wireCase.id)).map(({ label, pieces }) => ({
    check: 'openai',
    label,
    pieces,
    async run(line) {
      const answer = await post(line, '/v1/chat/completions', { ...recordedRequest(subject), model: modelName(line) })
      return [...handedThrough(subject, answer), ...calledOnce(line)]
    },
  }))
}

/** The recorded request arrives at the upstream as it was, but for the model's name, and with the gateway's own key. */
export function requestProbes(subject: Subject): Probe[] {
  const { wireCase, streaming } = subject
  if (requestOf(wireCase, streaming) === undefined) return []
  const pieces = oneDelivery(wireCase.response, seedOf(`request ${wireCase.id}`))
  return [{ check: 'request', label: '', pieces, run: (line) => judgeRequest(subject, line) }]
}

async function judgeRequest(subject: Subject, line: Line): Promise<string[]> {
  const sent = recordedRequest(subject)
  const answer = await post(line, '/v1/chat/completions', { ...sent, model: modelName(line) })
  const arrived = line.received[0]
  if (arrived === undefined) {
    // What the recorded vendor refused, the gateway may refuse itself, with the same status.
    const { status } = subject.wireCase.response
    const alike = answer.status === status && (status === 400 || status === 422)
    return alike ? [] : [`never reached the upstream; answered ${answer.status}: ${answer.text.slice(0, 300)}`]
  }
  const difference = firstDifference({ ...sent, model: line.model }, arrived.body)
  return [...(difference === undefined ? [] : [`request: ${difference}`]), ...arrivalProblems(subject.wireCase, line)]
}

/** The recorded request's body, or a plain one that asks for what the recording has. */
function recordedRequest({ wireCase, streaming }: Subject): JsonMap {
  const plain = { messages: plainTurn, ...(streaming && { stream: true, stream_options: { include_usage: true } }) }
  return requestOf(wireCase, streaming)?.body ?? plain
}

function handedThrough({ wireCase: { response }, streaming }: Subject, answer: HttpAnswer): string[] {
  const problems = headProblems(answer, streaming)
  if (answer.status !== 200) return problems
  if (!streaming) return [...problems, ...listOf(firstDifference(response.body, bodyOf(answer)))]
  const recorded = streamValues(response.sse ?? '').map(({ value }) => value)
  const difference = firstDifference(recorded, valuesOf(answer))
  const done = saysDone(answer.text) ? [] : ['the stream does not end with [DONE]']
  return [...problems, ...listOf(difference), ...done]
}

function calledOnce(line: Line): string[] {
  const calls = line.received.length
  return calls === 1 ? [] : [`the upstream was called ${calls} times`]
}

function listOf(difference: string | undefined): string[] {
  return difference === undefined ? [] : [difference]
}
