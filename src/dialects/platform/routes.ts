import type { Model } from '#gen/switchyard/v1/registry_pb.ts'
import type { Route } from '../contract.ts'
import { isoDate, providerRoutes } from './provider-routes.ts'
import { modelList } from './registry-types.ts'

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

/** Providers and models. */
export const routes: readonly Route[] = [
  ...providerRoutes,
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

/** Parts of the API that are not served here. */
export const absent: readonly string[] = [
  '/api/v1/inference/models/sync',
  '/api/v1/inference/embed',
  '/api/v1/inference/images',
  '/api/v1/inference/transcribe',
]
