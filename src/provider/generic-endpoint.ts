import type { JsonObject } from '@bufbuild/protobuf'
import type { InferRequest } from '#gen/switchyard/v1/infer_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { isObject, rawOf } from '../dialects/scalars.ts'
import { fail } from '../error/index.ts'
import { isUntold, restOf, tokenCount, usage } from '../model/usage.ts'

/** An endpoint of an upstream that the contract has no message for: what is asked there and answered goes through as it is. */
export interface GenericEndpoint {
  /** What clients call it, such as `rerank`. */
  readonly operation: string
  /** Below the base URL; of several versions, the one that has these arguments. */
  readonly path: string | ((args: JsonObject) => string)
  /** Whether a request that names no operation is one for it. */
  readonly means: (model: string, args: JsonObject) => boolean
  /** What an answer, or a piece of one, says that it consumed; absent where that is in a `usage` of the usual names. */
  readonly usage?: (answer: JsonObject) => Usage | undefined
}

/** The one of a vendor's endpoints that a request is for. Throws `unsupported_operation`, which names those there are. */
export function endpointFor(endpoints: readonly GenericEndpoint[], request: InferRequest): GenericEndpoint {
  const { operation, model, args = {} } = request
  const found = endpoints.find((one) => (operation === '' ? one.means(model, args) : one.operation === operation))
  if (found !== undefined) return found
  const there = endpoints.map((one) => one.operation).join(', ')
  const what = operation === '' ? 'nothing that these arguments ask for' : `no operation "${operation.slice(0, 64)}"`
  throw fail('unsupported_operation', `the provider has ${what}; beside those of the contract it has: ${there}`)
}

/** The usage that an answer tells under the names that most vendors use; undefined where it tells none. */
export function usageTold({ usage: told }: JsonObject): Usage | undefined {
  if (!isObject(told)) return undefined
  const fields = told as JsonObject
  const input =
    fields['input_tokens'] ?? fields['prompt_tokens'] ?? restOf(fields['total_tokens'], outputOf(fields) ?? 0)
  const output = outputOf(fields) ?? 0
  return usage({
    inputTokens: tokenCount(input),
    outputTokens: tokenCount(output),
    inputUnknown: isUntold(input),
    raw: rawOf(fields),
  })
}

function outputOf(fields: JsonObject): JsonObject[string] | undefined {
  return fields['output_tokens'] ?? fields['completion_tokens']
}
