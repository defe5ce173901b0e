import { answerTargets } from './answers/targets.ts'
import { requestTargets } from './requests/targets.ts'
import { rpcTarget } from './rpc/target.ts'
import type { Target } from './target.ts'

/** Every decoder that is fuzzed, by name. */
export const targetNames = [
  'answer-openai',
  'answer-responses',
  'answer-anthropic',
  'answer-gemini',
  'answer-bedrock',
  'answer-cohere',
  'answer-ollama',
  'answer-remote',
  'request-openai',
  'request-responses',
  'request-anthropic',
  'request-gemini',
  'request-platform',
  'request-scaigrid',
  'request-sgp',
  'request-rpc',
] as const

/** Makes the target of that name. Throws when there is none. */
export function targetOf(name: string): Target<unknown> {
  const made = [...answerTargets, ...requestTargets, rpcTarget][
    targetNames.indexOf(name as (typeof targetNames)[number])
  ]
  if (made === undefined) throw new Error(`there is no decoder "${name}"; there are: ${targetNames.join(', ')}`)
  return made()
}
