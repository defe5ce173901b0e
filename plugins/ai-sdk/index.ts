import { z } from 'zod'
import {
  type CallContext,
  type ChatRequest,
  definePlugin,
  type Host,
  inlineMedia,
  type Provider,
  type ProviderSettings,
  refuseDropped,
} from '#provider'
import { callOptions } from './call-options.ts'
import { failureOf } from './errors.ts'
import { fetchThrough } from './fetch.ts'
import { type LanguageModel, loadProvider } from './load.ts'
import { partsOf } from './parts.ts'
import { readParts } from './read-parts.ts'
import { needsBytes } from './supported-urls.ts'

const settings = z.strictObject({
  package: z
    .string()
    .regex(/^(@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*$/, 'must be the name of an npm package')
    .describe(
      'The npm package of the provider, such as @ai-sdk/openai-compatible. It is not installed with the gateway.',
    ),
  export: z
    .string()
    .regex(/^create[A-Z]\w*$/, 'must be the name of a function such as createOpenAI')
    .optional()
    .describe("The package's function that makes a provider; its only one that begins with create when absent."),
  options: z
    .record(z.string(), z.unknown())
    .default({})
    .describe(
      'What that function is called with, beside baseURL (base_url), apiKey (the key) and fetch. Not for secrets.',
    ),
})

type Own = z.infer<typeof settings>

/** Any provider that is published for the AI SDK, as a provider of the gateway; see README.md. */
export default definePlugin({
  manifest: {
    type: 'ai-sdk',
    contract: 'switchyard.v1',
    title: 'AI SDK bridge',
    models: [],
    settings,
    // To load a package is to run it.
    operatorOnly: ['package', 'export'],
  },
  async create({ baseUrl, own }: ProviderSettings<Own>, { egress }: Host): Promise<Provider> {
    const make = await loadProvider(own.package, own.export)
    const fetch = fetchThrough(egress)
    const modelOf = (id: string, apiKey: string | undefined): LanguageModel =>
      make(
        { ...own.options, ...(baseUrl !== '' && { baseURL: baseUrl }), ...(apiKey !== undefined && { apiKey }), fetch },
        id,
      )
    modelOf('tried-at-the-start', undefined)
    return { chat: (request, context) => chat(own.package, modelOf, request, context) }
  },
})

async function* chat(
  vendor: string,
  modelOf: (id: string, apiKey: string | undefined) => LanguageModel,
  request: ChatRequest,
  context: CallContext,
) {
  try {
    const model = modelOf(request.model, context.credential?.secret.reveal())
    const { request: inlined } = await inlineMedia(request, needsBytes(await model.supportedUrls), context)
    const { options, dropped } = callOptions(inlined, vendor, model.specificationVersion)
    refuseDropped(request, dropped)
    const call = { ...options, abortSignal: context.signal, headers: { 'x-request-id': context.requestId } }
    const parts = context.streaming ? (await model.doStream(call)).stream : partsOf(await model.doGenerate(call))
    context.media?.forget(request)
    const events = readParts(parts, { vendor, model: request.model, dropped, strict: request.strict })
    if (context.streaming) yield* events
    else yield (await Array.fromAsync(events)).flat()
  } catch (thrown) {
    throw failureOf(thrown, context)
  }
}
