import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt'
import type { Model, Provider } from '#gen/switchyard/v1/registry_pb.ts'
import { fail } from '../../error/index.ts'
import type { Route } from '../contract.ts'
import { modelList, oneProvider, providerList } from './types.ts'

function isoDate(timestamp: Timestamp): string {
  return timestampDate(timestamp).toISOString()
}

function encodeProvider(provider: Provider): object {
  const { id, name, type, defaultModel, envVar, baseUrl, settings, created, updated } = provider
  return {
    id,
    name,
    type,
    defaultModel,
    envVar,
    ...(baseUrl !== '' && { baseUrl }),
    ...(settings !== undefined && { settings }),
    ...(created !== undefined && { created: isoDate(created) }),
    ...(updated !== undefined && { updated: isoDate(updated) }),
  }
}

/** A model with what is known of it; an empty list or a zero means that it is not. */
function encodeModel(model: Model): object {
  const {
    id,
    provider,
    ownedBy,
    operations,
    contextTokens,
    maxOutputTokens,
    inputModalities,
    outputModalities,
    created,
  } = model
  return {
    id,
    provider,
    ...(ownedBy !== '' && { ownedBy }),
    ...(operations.length > 0 && { operations }),
    ...(contextTokens > 0n && { contextTokens: Number(contextTokens) }),
    ...(maxOutputTokens > 0n && { maxOutputTokens: Number(maxOutputTokens) }),
    ...(inputModalities.length > 0 && { inputModalities }),
    ...(outputModalities.length > 0 && { outputModalities }),
    ...(created !== undefined && { created: isoDate(created) }),
  }
}

/** The endpoints that answer at once, without a provider. */
export const routes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/inference/providers',
    summary: 'The providers that are registered',
    permission: 'providers:read',
    response: providerList,
    answer: (_facts, surface) => ({ success: true, data: surface.registry.providers().map(encodeProvider) }),
  },
  {
    method: 'GET',
    path: '/api/v1/inference/providers/:idOrName',
    summary: 'One provider, by id or name',
    permission: 'providers:read',
    response: oneProvider,
    answer({ params }, surface) {
      const wanted = params['idOrName'] ?? ''
      const providers = surface.registry.providers()
      const provider = providers.find(({ id }) => id === wanted) ?? providers.find(({ name }) => name === wanted)
      if (provider === undefined) throw fail('not_found', `there is no provider "${wanted}"`)
      return { success: true, data: encodeProvider(provider) }
    },
  },
  {
    method: 'GET',
    path: '/api/v1/inference/models',
    summary: 'The models that may be asked for, or one provider’s alone',
    permission: 'models:use',
    response: modelList,
    answer({ query }, surface) {
      const provider = query.get('provider') ?? ''
      const models = provider === '' ? surface.registry.models() : surface.registry.models(provider)
      return { success: true, data: models.map(encodeModel) }
    },
  },
]

/** Parts of the API that are not served here; of `providers`, what is not in {@link routes}. */
export const absent: readonly string[] = [
  '/api/v1/inference/providers',
  '/api/v1/inference/models/sync',
  '/api/v1/inference/embed',
  '/api/v1/inference/images',
  '/api/v1/inference/transcribe',
]
