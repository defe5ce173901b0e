import { z } from 'zod'
import type { Model } from '#gen/switchyard/v1/registry_pb.ts'
import { fail } from '../../error/index.ts'
import type { Route } from '../contract.ts'
import { modelList, modelObject } from './types.ts'

function encodeModel({ id, contextTokens, maxOutputTokens, operations }: Model): object {
  const chats = operations.length === 0 || operations.includes('chat')
  const embeds = operations.includes('embed')
  return {
    name: `models/${id}`,
    version: '',
    displayName: id,
    ...(contextTokens > 0n && { inputTokenLimit: Number(contextTokens) }),
    ...(maxOutputTokens > 0n && { outputTokenLimit: Number(maxOutputTokens) }),
    supportedGenerationMethods: [
      ...(chats ? ['generateContent', 'streamGenerateContent', 'countTokens'] : []),
      ...(embeds ? ['embedContent', 'batchEmbedContents'] : []),
    ],
  }
}

/** The endpoints of Google's API that answer at once, without a provider. All models are on one page. */
export const routes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1beta/models',
    summary: 'The models that may be asked for',
    permission: 'models:use',
    query: { provider: z.string().describe('id or name: the models of this provider alone') },
    response: modelList,
    answer: ({ query }, surface) => ({
      models: surface.registry.models(query.get('provider') || undefined).map(encodeModel),
    }),
  },
  {
    method: 'GET',
    path: '/v1beta/models/*',
    summary: 'One model',
    permission: 'models:use',
    response: modelObject,
    answer({ params }, surface) {
      const id = params['*'] ?? ''
      const model = surface.registry.model(id)
      if (model === undefined)
        throw fail('model_not_found', `the model "${id}" does not exist or is not open to this key`, { param: 'model' })
      return encodeModel(model)
    },
  },
]

/** Parts of Google's API that are not served here. */
export const absent: readonly string[] = [
  '/v1beta/tunedModels',
  '/v1beta/cachedContents',
  '/v1beta/files',
  '/v1beta/fileSearchStores',
  '/v1beta/corpora',
  '/v1beta/batches',
  '/v1beta/operations',
  '/v1beta/interactions',
  '/v1beta/auth_tokens',
]
