import type { GenerateRequest } from '#gen/switchyard/v1/text_pb.ts'
import { fail } from '../../error/index.ts'
import type { EncodedCall, TextDialect } from '../client-operations.ts'
import { replaceModel } from '../json.ts'
import { isNamed } from '../model-names.ts'
import { adaptBody, adaptText } from './adapt-body.ts'
import { AnswerDecoder } from './decode-answer.ts'
import { askUsage, type CompatibleOptions, requireShape, withoutRefused } from './encode-request.ts'
import { leaveOut } from './leave-out.ts'

/** How an upstream of OpenAI's raw completions, or of a vendor compatible with them, is asked. */
export const generate: TextDialect<CompatibleOptions> = {
  serves: (model, { completes }) => completes === undefined || isNamed(model, completes),
  encode: encodeCompletion,
  decode(encoded, { vendor }, upstreamRequestId) {
    const { passThrough, dropped } = encoded
    // The chunks are those of chats, but for the place of the text.
    return new AnswerDecoder({ passThrough, dropped, upstreamRequestId, vendor })
  },
}

/**
 * Writes a request. One that came in this dialect goes out as the client wrote it with only the model replaced. Throws
 * `unsupported_field` for log probabilities in any other, which an answer of the contract has no place for, and for more answers than
 * the vendor gives.
 */
function encodeCompletion(request: GenerateRequest, streaming: boolean, options: CompatibleOptions): EncodedCall {
  const { source } = request
  const path = '/completions'
  if (source?.dialect === 'openai') {
    requireShape({ ...(request.n !== undefined && { n: request.n }) }, options)
    const own = leaveOut(replaceModel(source.body, request.model), options.ignores)
    const body = askUsage(own.body, streaming, options)
    return { path, body: adaptText(body, options), dropped: own.dropped, passThrough: true }
  }
  if (request.logprobs !== undefined)
    throw fail('unsupported_field', 'logprobs of a completion are given in the format of its provider alone', {
      param: 'logprobs',
    })
  const dropped = [...(source?.untranslated ?? [])]
  const fields = {
    model: request.model,
    prompt: promptOf(request),
    ...samplingOf(request),
    ...(streaming && { stream: true, stream_options: { include_usage: true } }),
  }
  const body = withoutRefused(fields, options, dropped)
  return { path, body: JSON.stringify(adaptBody(body, options)), dropped, passThrough: false }
}

function promptOf({ prompts }: GenerateRequest): unknown {
  const all = prompts.map(({ kind }) => (kind.case === 'tokens' ? kind.value.ids : (kind.value ?? '')))
  return all.length === 1 ? all[0] : all
}

function samplingOf(request: GenerateRequest): Record<string, unknown> {
  return {
    max_tokens: request.maxOutputTokens,
    temperature: request.temperature,
    top_p: request.topP,
    stop: request.stop.length === 0 ? undefined : request.stop,
    seed: request.seed === undefined ? undefined : Number(request.seed),
    n: request.n,
    best_of: request.bestOf,
    echo: request.echo,
    suffix: request.suffix,
    presence_penalty: request.presencePenalty,
    frequency_penalty: request.frequencyPenalty,
    logit_bias: Object.keys(request.logitBias).length === 0 ? undefined : request.logitBias,
    user: request.user,
  }
}
