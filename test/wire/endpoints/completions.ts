import type { MessageInitShape } from '@bufbuild/protobuf'
import { FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import type { GenerateRequestSchema, GenerateResponse } from '#gen/switchyard/v1/text_pb.ts'
import { GenerateFold } from '../../../src/model/generated.ts'
import { asList, asMap, asText, type JsonMap, parseOrText, streamValues, type WireCase } from '../case.ts'
import { rpcPatience } from '../checks/canonical.ts'
import { type HttpAnswer, post, valuesOf } from '../checks/http.ts'
import { type Line, modelName } from '../checks/probe.ts'
import { firstDifference } from '../compare.ts'
import { isNativeStream } from '../format.ts'
import type { Endpoint, Way } from './contract.ts'

/** What a raw completion says: each text and how it ended, and what was read and written, unless nobody told. */
interface Completion {
  readonly texts: readonly (readonly [text: string, finish: string])[]
  readonly usage: readonly [input: number, output: number] | 'estimated'
}

/** What a completion object, or the chunks of one, says. */
function completionIn(values: readonly unknown[]): Completion {
  const texts: [string, string][] = []
  let usage: Completion['usage'] = 'estimated'
  for (const value of values) {
    const { choices, usage: counted } = asMap(value) ?? {}
    for (const choice of asList(choices)) {
      const { index, text, finish_reason: finish } = asMap(choice) ?? {}
      const known = (texts[Number(index)] ??= ['', ''])
      known[0] += asText(text)
      known[1] ||= asText(finish)
    }
    const told = asMap(counted)
    if (told !== undefined) usage = [Number(told['prompt_tokens']), Number(told['completion_tokens'])]
  }
  return { texts, usage }
}

const endings: ReadonlyMap<FinishReason, string> = new Map([
  [FinishReason.STOP, 'stop'],
  [FinishReason.LENGTH, 'length'],
  [FinishReason.CONTENT_FILTER, 'content_filter'],
])

function toldBy({ choices, usage }: GenerateResponse): Completion {
  return {
    texts: choices.map(({ text, finishReason }) => [text, endings.get(finishReason) ?? '']),
    usage: usage === undefined || usage.estimated ? 'estimated' : [usage.inputTokens, usage.outputTokens],
  }
}

async function toldByRpc(line: Line, streaming: boolean, asked: Asked = plain): Promise<Completion> {
  const request = { ...asked, model: modelName(line) }
  if (!streaming) return toldBy(await line.connect.generate(request, rpcPatience()))
  const fold = new GenerateFold()
  for await (const event of line.connect.streamGenerate(request, rpcPatience())) fold.add([event])
  return toldBy(fold.response())
}

type Asked = Exclude<MessageInitShape<typeof GenerateRequestSchema>, { $typeName: string }>

const plain: Asked = { prompts: [prompt('Say what was recorded.')] }

function prompt(value: string): { readonly kind: { readonly case: 'text'; readonly value: string } } {
  return { kind: { case: 'text', value } }
}

/** What a recorded request asks, in the contract's terms; log probabilities have no place in its answers. */
function askedIn(body: JsonMap): Asked {
  const { max_tokens, top_p, stop, n, suffix, temperature } = body
  return {
    prompts: [prompt(asText(body['prompt']))],
    stop: asList(stop).map(asText),
    ...(typeof max_tokens === 'number' && { maxOutputTokens: max_tokens }),
    ...(typeof temperature === 'number' && { temperature }),
    ...(typeof top_p === 'number' && { topP: top_p }),
    ...(typeof n === 'number' && { n }),
    ...(typeof suffix === 'string' && { suffix }),
  }
}

const own = (line: Line, wireCase: WireCase): Promise<HttpAnswer> => {
  const flags = isNativeStream(wireCase) ? { stream: true, stream_options: { include_usage: true } } : {}
  const body = asMap(wireCase.request?.body) ?? { prompt: 'Say what was recorded.', ...flags }
  return post(line, '/v1/completions', { ...body, model: modelName(line) })
}

function unlikeFirst(expected: object, line: Line): string[] {
  const difference = firstDifference(expected, line.received[0]?.body, 'request')
  return difference === undefined ? [] : [difference]
}

const ways: readonly Way[] = [
  {
    check: 'canonical',
    label: '',
    ask: async (line, wireCase) => ({ said: await toldByRpc(line, isNativeStream(wireCase)) }),
  },
  {
    check: 'scaigrid',
    label: '',
    async ask(line, wireCase) {
      const streaming = isNativeStream(wireCase)
      const body = { model: modelName(line), prompt: 'Say what was recorded.', ...(streaming && { stream: true }) }
      const answer = await post(line, '/v1/inference/generate', body)
      const values = streaming ? valuesOf(answer) : [asMap(parseOrText(answer.text))?.['data']]
      return { answer, said: completionIn(values) }
    },
  },
]

/** `POST /v1/completions`. */
export const openaiCompletions: Endpoint = {
  path: /(?<!\/chat)\/completions\/?$/,
  isAnswer: ({ sse = '', body }) =>
    [body, ...streamValues(sse).map(({ value }) => value)].some(
      (value) => asMap(value)?.['object'] === 'text_completion',
    ),
  below: '/completions',
  // The model's name, which tells that it completes text, was recorded with the request alone.
  provider: ({ request }) =>
    request?.body == null
      ? { type: 'openai', settings: { options: { completes: ['*'] } }, basePath: '/v1', shows: 'bearer' }
      : undefined,
  own,
  arrived: (line, { request }) => unlikeFirst({ ...asMap(request?.body), model: line.model }, line),
  translated: (line, wireCase) =>
    toldByRpc(line, isNativeStream(wireCase), askedIn(asMap(wireCase.request?.body) ?? {})),
  arrivedTranslated(line, { request }) {
    const { logprobs: _, ...body } = asMap(request?.body) ?? {}
    return unlikeFirst({ ...body, model: line.model }, line)
  },
  said: ({ response: { sse, body } }) =>
    completionIn(sse === undefined ? [body] : streamValues(sse).map(({ value }) => value)),
  ways,
}
