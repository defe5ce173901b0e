import { z, type ZodType } from 'zod'
import type { ClientOperations } from '../dialects/client-operations.ts'
import type { ClientDialect } from '../dialects/contract.ts'
import { fail } from '../error/index.ts'
import type { Credential, Manifest, Plugin } from './contract.ts'
import type { GenericEndpoint } from './generic-endpoint.ts'
import { upstreamProvider } from './upstream.ts'
import type { Upstream } from './upstream-http.ts'
import { otherOperations } from './upstream-operations.ts'

/** Schema of the settings of every provider made by {@link compatible} of formats with these options, for plugins that add some of their own. */
export function compatibleSettings(options: Readonly<Record<string, ZodType>>) {
  return z.strictObject({
    headers: z.record(z.string(), z.string()).default({}).describe('More headers for every request. Not for secrets.'),
    options: z
      .strictObject(options)
      .partial()
      .default({})
      .describe("Overrides of the format's options, such as limitField."),
  })
}

/** Settings of every provider made by {@link compatible}. */
export type CompatibleSettings = z.infer<ReturnType<typeof compatibleSettings>>

/** A vendor whose API is one of the formats we have a client half for. */
export interface Vendor<Options> {
  readonly type: string
  readonly title: string
  /** The vendor's own base URL, without a trailing slash. */
  readonly baseUrl?: string
  /** Path of the chat endpoint below the base URL. */
  readonly chatPath?: string
  /** False for a vendor that has no chats, and no list of models either. */
  readonly chats?: boolean
  /** What the vendor has beside chats; everything that the format has unless said otherwise, but for images, speech and videos. */
  readonly operations?: readonly (keyof ClientOperations<Options>)[]
  /** Which of images, speech and videos, which few vendors have, this one has beside the rest. */
  readonly media?: readonly ('generateImages' | 'synthesize' | 'video')[]
  /** Where the vendor has those, given the format's own path and the model, where they are not beside the chat. */
  readonly operationPath?: (path: string, model: string) => string
  /** Path of the list of models below the base URL, where it is neither the format's own nor beside the chat; false where there is none. */
  readonly modelsPath?: string | false
  readonly keyVariable?: string
  readonly baseUrlVariable?: Manifest<unknown>['baseUrlVariable']
  /** Model names the vendor is known by: exact, or a prefix ending in `*`. */
  readonly models?: readonly string[]
  readonly defaultModel?: string
  /** What the catalog of models and prices calls the vendor, where that is not its type. */
  readonly catalog?: string
  /** What the vendor does differently from the format's usual ways. */
  readonly options?: Partial<Options>
  /** Endpoints that the contract has no message for. */
  readonly generic?: readonly GenericEndpoint[]
  /** How the key is sent; as a bearer token unless said otherwise. */
  readonly authorization?: (secret: string) => Readonly<Record<string, string>>
}

const bearer = (secret: string): Record<string, string> => ({ authorization: `Bearer ${secret}` })

/** Where a vendor that has its chat in another place has its list of models. */
function besideChat(chatPath: string | undefined): string | undefined {
  return chatPath === undefined || (!chatPath.includes('/chat/completions') && !chatPath.includes('/responses'))
    ? undefined
    : chatPath.replace(/\/(?:chat\/completions|responses)/, '/models')
}

/** Where a vendor that has its chat in another place than its format has what else it offers. */
function besideChatAt(chatPath: string, own: string): ((path: string) => string) | undefined {
  if (chatPath === own || own === '' || !chatPath.includes(own)) return undefined
  const [before = '', after = ''] = chatPath.split(own)
  return (path) => before + path + after
}

/** The format, with no more operations than the vendor has. */
function limited<Options>(
  dialect: ClientDialect<Options>,
  { operations, media = [] }: Pick<Vendor<Options>, 'operations' | 'media'>,
): ClientDialect<Options> {
  if (dialect.operations === undefined) return dialect
  const { generateImages: _images, synthesize: _speech, video: _video, ...usual } = dialect.operations
  const offered: readonly string[] = operations ?? [...Object.keys(usual), ...media]
  const kept = Object.entries(dialect.operations).filter(([name]) => offered.includes(name))
  return { ...dialect, operations: Object.fromEntries(kept) }
}

/** The whole plugin of a vendor that speaks a known format: `definePlugin(compatible(openaiClient, { … }))`. */
export function compatible<Options extends object>(
  dialect: ClientDialect<Options>,
  vendor: Vendor<Options>,
): Plugin<CompatibleSettings> {
  const { type, title, models = [], chatPath = dialect.chatPath, authorization = bearer } = vendor
  const manifest: Manifest<CompatibleSettings> = {
    type,
    contract: 'switchyard.v1',
    title,
    models,
    settings: compatibleSettings(dialect.options),
    ...(vendor.baseUrl !== undefined && { baseUrl: vendor.baseUrl }),
    ...(vendor.keyVariable !== undefined && { keyVariable: vendor.keyVariable }),
    ...(vendor.baseUrlVariable !== undefined && { baseUrlVariable: vendor.baseUrlVariable }),
    ...(vendor.defaultModel !== undefined && { defaultModel: vendor.defaultModel }),
    ...(vendor.catalog !== undefined && { catalog: vendor.catalog }),
  }
  return {
    manifest,
    create({ baseUrl, own }) {
      if (baseUrl === '') throw fail('invalid_request', `a provider of type ${type} needs a base_url`)
      const options = { ...dialect.defaults, vendor: type, ...vendor.options, ...own.options } as Options
      const fixed = own.headers
      const headers = (credential: Credential | undefined): Record<string, string> =>
        credential === undefined ? fixed : { ...fixed, ...authorization(credential.secret.reveal()) }
      const operationPath = vendor.operationPath ?? besideChatAt(chatPath, dialect.chatPath)
      const modelsPath = vendor.modelsPath ?? besideChat(vendor.chatPath)
      const upstream: Upstream<Options> = {
        dialect: limited(dialect, vendor),
        options,
        baseUrl,
        chatPath,
        headers,
        ...(operationPath !== undefined && { operationPath }),
        ...(modelsPath !== undefined && { modelsPath }),
        ...(vendor.generic !== undefined && { generic: vendor.generic }),
      }
      return vendor.chats === false ? otherOperations(upstream) : upstreamProvider(upstream)
    },
  }
}
