import type { GeneratedImage } from '#gen/switchyard/v1/image_pb.ts'
import { asList, asMap, asText, type JsonMap, parseOrText, type WireCase } from '../case.ts'
import { rpcPatience } from '../checks/canonical.ts'
import { post } from '../checks/http.ts'
import { type Line, modelName } from '../checks/probe.ts'
import { firstDifference } from '../compare.ts'
import type { Endpoint, Way } from './contract.ts'

/** One image: its bytes as base64 or its URL, and the prompt that the vendor made of the client's. */
interface Picture {
  readonly is: string
  readonly prompt: string
}

const plain = { prompt: 'What was recorded.' }

/** The ways to ask for images that are the same whatever vendor answers. */
const ways: readonly Way[] = [
  {
    check: 'canonical',
    label: '',
    ask: async (line) => {
      const { images } = await line.connect.generateImages({ ...plain, model: modelName(line) }, rpcPatience())
      return { said: images.map(told) }
    },
  },
  {
    check: 'platform',
    label: '',
    async ask(line) {
      const answer = await post(line, '/api/v1/inference/images', { ...plain, model: modelName(line) })
      const { images } = asMap(asMap(parseOrText(answer.text))?.['data']) ?? {}
      return { answer, said: picturesIn(images, 'data', 'revisedPrompt') }
    },
  },
  {
    check: 'scaigrid',
    label: '',
    async ask(line) {
      const answer = await post(line, '/v1/inference/images/generate', { ...plain, model: modelName(line) })
      const { data } = asMap(asMap(parseOrText(answer.text))?.['data']) ?? {}
      return { answer, said: picturesIn(data, 'b64_json', 'revised_prompt') }
    },
  },
]

function told({ image, revisedPrompt }: GeneratedImage): Picture {
  const source = image?.source
  const is = source?.case === 'data' ? Buffer.from(source.value).toString('base64') : (source?.value ?? '')
  return { is, prompt: revisedPrompt }
}

/** Images of a list, whose bytes and prompts have these names. */
function picturesIn(list: unknown, bytes: string, prompt: string): Picture[] {
  return asList(list).map((one) => {
    const image = asMap(one) ?? {}
    return { is: asText(image[bytes]) || asText(image['url']), prompt: asText(image[prompt]) }
  })
}

/** The recorded question in the contract's terms. */
function translated(line: Line, { prompt, n, size, quality, output_format: format }: JsonMap): Promise<unknown> {
  return line.connect.generateImages(
    {
      model: modelName(line),
      prompt: asText(prompt),
      ...(typeof n === 'number' && { n }),
      ...(typeof size === 'string' && { size }),
      ...(typeof quality === 'string' && { quality }),
      ...(typeof format === 'string' && { outputFormat: format }),
    },
    rpcPatience(),
  )
}

function arrived(line: Line, { request }: WireCase): readonly string[] {
  const expected = { ...asMap(request?.body), model: line.model }
  const difference = firstDifference(expected, asMap(line.received[0]?.body), 'request')
  return difference === undefined ? [] : [difference]
}

/** `POST /v1/images/generations`, of OpenAI and of vendors compatible with it. */
export const openaiImages: Endpoint = {
  path: /\/images\/generations\/?$/,
  below: '/images/generations',
  own: (line, { request }) =>
    post(line, '/v1/images/generations', { ...plain, ...asMap(request?.body), model: modelName(line) }),
  arrived,
  translated: (line, { request }) => translated(line, asMap(request?.body) ?? {}),
  arrivedTranslated: arrived,
  said: ({ response }) => picturesIn(asMap(response.body)?.['data'], 'b64_json', 'revised_prompt'),
  ways,
}

/** What else a client may ask of Imagen, which the contract does not have, and what the gateway asks for itself. */
const besides = new Set(['includeSafetyAttributes', 'includeRaiReason'])

/** A question to Imagen, as far as the contract can ask it. */
function plainly(body: JsonMap | undefined): object {
  const parameters = Object.entries(asMap(body?.['parameters']) ?? {}).filter(([name]) => !besides.has(name))
  return { ...body, parameters: Object.fromEntries(parameters) }
}

/** `POST …/models/imagen-…:predict`, of Vertex AI and of the Gemini API. No client speaks it to us. */
export const imagenPredict: Endpoint = {
  path: /\/models\/imagen[^/]*:predict$/,
  arrived: () => [],
  translated(line, { request }) {
    const { instances, parameters } = asMap(request?.body) ?? {}
    const { sampleCount, outputOptions } = asMap(parameters) ?? {}
    const type = asText(asMap(outputOptions)?.['mimeType'])
    return translated(line, {
      prompt: asText(asMap(asList(instances)[0])?.['prompt']),
      n: Number(sampleCount),
      ...(type !== '' && { output_format: type.replace('image/', '') }),
    })
  },
  arrivedTranslated(line, { request }) {
    const expected = plainly(asMap(request?.body))
    const difference = firstDifference(expected, plainly(asMap(line.received[0]?.body)), 'request')
    return difference === undefined ? [] : [difference]
  },
  said({ response }) {
    const pictures = picturesIn(asMap(response.body)?.['predictions'], 'bytesBase64Encoded', 'prompt')
    return pictures.filter(({ is }) => is !== '')
  },
  ways,
}
