import { z } from 'zod'
import type { Model } from '#gen/switchyard/v1/registry_pb.ts'
import type { Route } from '../contract.ts'
import { providerRoutes } from './provider-routes.ts'
import { isoTime } from '../times.ts'
import { check } from '../validate.ts'
import { modelList, syncRequest } from './registry-types.ts'

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
    firstSeen,
    lastSeen,
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
    ...(created !== undefined && { created: isoTime(created) }),
    ...(firstSeen !== undefined && { firstSeen: isoTime(firstSeen) }),
    ...(lastSeen !== undefined && { lastSeen: isoTime(lastSeen) }),
  }
}

/** Models that a provider listed, with when it did so first and last. */
const modelsOf = (models: readonly Model[]): object => ({ success: true, data: models.map(encodeModel) })

/** Providers and models. */
export const routes: readonly Route[] = [
  ...providerRoutes,
  {
    method: 'GET',
    path: '/api/v1/inference/models',
    summary: 'The models that may be asked for',
    permission: 'models:use',
    query: { provider: z.string().describe('id or name: the models of this provider alone') },
    response: modelList,
    answer({ query }, surface) {
      const provider = query.get('provider') ?? ''
      return modelsOf(provider === '' ? surface.registry.models() : surface.registry.models(provider))
    },
  },
  {
    method: 'POST',
    path: '/api/v1/inference/models/sync',
    summary: 'Asks a provider for its models, and stores them',
    permission: 'providers:write',
    request: syncRequest,
    response: modelList,
    async answer(_facts, surface, body) {
      const { provider } = check(syncRequest, body?.value)
      return modelsOf(await surface.registry.syncModels(provider))
    },
  },
]

/** Parts of the API that are not served here. */
export const absent: readonly string[] = []
