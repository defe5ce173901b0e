import type { JsonObject } from '@bufbuild/protobuf'
import type { JsonBody, RequestFacts } from '../contract.ts'
import { replaceModel } from '../json.ts'
import type { Ask } from '../operation.ts'
import { noteUnknown } from '../untranslated.ts'
import { check } from '../validate.ts'
import { askOf } from './decode-args.ts'
import { memberText } from '../member-text.ts'
import { genericInferenceRequest, inferenceConfiguration } from './types.ts'

/**
 * Reads a generic inference request. What its `args` ask is told by their names, and where those do not tell, by what the model is
 * for. Throws `invalid_request` with `issues` for fields that are not as they should be.
 */
export function decodeRequest(body: JsonBody, facts: RequestFacts): Ask {
  const { model, inference_configuration: configuration } = check(genericInferenceRequest, body.value)
  const value = { ...((body.value['args'] ?? {}) as JsonObject), model }
  const asked = askOf({ text: replaceModel(argsText(body), model), value }, facts)
  const dropped = [...(asked.dropped ?? [])]
  noteUnknown(body.value, genericInferenceRequest.shape, '', dropped)
  noteUnknown(configuration ?? {}, inferenceConfiguration.shape, 'inference_configuration', dropped)
  const { timeout_seconds: seconds, num_retries: retries } = configuration ?? {}
  // The gateway's own limit ends a call all the same.
  if (seconds != null && seconds * 1000 > (facts.longestMs ?? Infinity))
    dropped.push('inference_configuration.timeout_seconds')
  const account = facts.header('x-selected-account-id') ?? ''
  return {
    ...asked,
    dropped,
    ...(seconds != null && { timeoutMs: seconds * 1000 }),
    ...(retries != null && { retries }),
    ...(account !== '' && { account }),
  }
}

/** The arguments as the client wrote them. */
function argsText({ text, value }: JsonBody): string {
  return value['args'] == null ? '{}' : (memberText(text, 'args') ?? '{}')
}
