import { asList, asMap, asText, bodyBytes, type CaseResponse } from '../case.ts'
import type { Spoken } from './spoken.ts'

/* Written from Ollama's API reference, without a line of the gateway's: what a recorded answer of its native chat says. */

/** What a recorded answer of the native chat says, whole or in lines. */
export function readOllama(response: CaseResponse): Spoken {
  const text = bodyBytes(response).toString()
  const lines = (response.ndjson === undefined ? [text] : text.split('\n').filter((line) => line !== '')).map(
    (line) => asMap(JSON.parse(line)) ?? {},
  )
  const messages = lines.map((line) => asMap(line['message']) ?? {})
  const last = lines.find((line) => line['done'] === true) ?? {}
  return {
    id: '',
    model: asText(lines[0]?.['model']),
    text: messages.map((message) => asText(message['content'])).join(''),
    reasoning: messages.map((message) => asText(message['thinking'])).join(''),
    signatures: [],
    redacted: [],
    calls: messages
      .flatMap((message) => asList(message['tool_calls']))
      .map((call) => {
        const called = asMap(asMap(call)?.['function'])
        return { id: asText(asMap(call)?.['id']), name: asText(called?.['name']), input: called?.['arguments'] ?? {} }
      }),
    citations: [],
    finish: asText(last['done_reason']),
    ...((last['prompt_eval_count'] ?? last['eval_count']) !== undefined && {
      usage: {
        input: Number(last['prompt_eval_count'] ?? 0),
        output: Number(last['eval_count'] ?? 0),
        cacheRead: 0,
        cacheWrite: 0,
      },
    }),
  }
}
