import { create, type JsonObject } from '@bufbuild/protobuf'
import {
  CreateProviderRequestSchema,
  type Provider,
  UpdateProviderRequestSchema,
} from '#gen/switchyard/v1/registry_pb.ts'
import { fail } from '../../error/index.ts'
import type { JsonBody, Route } from '../contract.ts'
import { inWordsOf } from '../field-words.ts'
import { isoTime } from '../times.ts'
import { check } from '../validate.ts'
import { deletedProvider, newProvider, oneProvider, providerChange, providerList } from './registry-types.ts'

/** What the page shows of a provider, and beside it what is not as on the page: a key that is elsewhere, and what is wrong. */
function encodeProvider(provider: Provider): object {
  const { id, name, type, defaultModel, envVar, baseUrl, settings, created, updated } = provider
  const { keySource, keyFile, configured, problem } = provider
  return {
    id,
    name,
    type,
    defaultModel,
    envVar,
    ...(baseUrl !== '' && { baseUrl }),
    ...(settings !== undefined && { settings }),
    ...(created !== undefined && { created: isoTime(created) }),
    ...(updated !== undefined && { updated: isoTime(updated) }),
    ...(keySource !== '' && keySource !== 'env' && { keySource }),
    ...(keyFile !== '' && { keyFile }),
    ...(configured && { configured }),
    ...(problem !== '' && { problem }),
  }
}

/** The answer to a change: what the provider is, but not how this replica fares with it. */
function encodeChanged(provider: Provider): object {
  return { success: true, data: encodeProvider({ ...provider, problem: '' }) }
}

const collection = '/api/v1/inference/providers'
const member = '/api/v1/inference/providers/:idOrName'

/** The providers: list, register, read, change, delete. */
export const providerRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: collection,
    summary: 'The providers that are registered',
    permission: 'providers:read',
    response: providerList,
    answer: (_facts, { registry }) => ({ success: true, data: registry.providers().map(encodeProvider) }),
  },
  {
    method: 'POST',
    path: collection,
    summary: 'Registers a provider',
    permission: 'providers:write',
    request: newProvider,
    response: oneProvider,
    status: 201,
    async answer(_facts, { registry }, body) {
      const { name, type, defaultModel, envVar, apiKey, keyFile, baseUrl, settings } = check(newProvider, valueOf(body))
      const request = create(CreateProviderRequestSchema, {
        name,
        type,
        defaultModel: defaultModel ?? '',
        envVar: envVar ?? '',
        apiKey: apiKey ?? '',
        keyFile: keyFile ?? '',
        baseUrl: baseUrl ?? '',
        ...(settings != null && { settings: settings as JsonObject }),
      })
      return encodeChanged(await inWordsOf(words, registry.createProvider(request)))
    },
  },
  {
    method: 'GET',
    path: member,
    summary: 'One provider, by id or name',
    permission: 'providers:read',
    response: oneProvider,
    answer({ params }, { registry }) {
      return { success: true, data: encodeProvider(find(registry.providers(), params['idOrName'] ?? '')) }
    },
  },
  {
    method: 'PUT',
    path: member,
    summary: 'Changes the fields of a provider that are given',
    permission: 'providers:write',
    request: providerChange,
    response: oneProvider,
    async answer({ params }, { registry }, body) {
      const { name, type, defaultModel, envVar, apiKey, keyFile, baseUrl, settings } = check(
        providerChange,
        valueOf(body),
      )
      const request = create(UpdateProviderRequestSchema, {
        idOrName: params['idOrName'] ?? '',
        ...(type != null && { type }),
        ...(name != null && { name }),
        ...(defaultModel != null && { defaultModel }),
        ...(envVar != null && { envVar }),
        ...(apiKey != null && { apiKey }),
        ...(keyFile != null && { keyFile }),
        ...(baseUrl != null && { baseUrl }),
        ...(settings != null && { settings: settings as JsonObject }),
      })
      return encodeChanged(await inWordsOf(words, registry.updateProvider(request)))
    },
  },
  {
    method: 'DELETE',
    path: member,
    summary: 'Deletes a provider',
    permission: 'providers:write',
    response: deletedProvider,
    answer: async ({ params }, { registry }) => ({
      success: true,
      data: { id: await inWordsOf(words, registry.deleteProvider(params['idOrName'] ?? '')) },
    }),
  },
]

function find(providers: readonly Provider[], wanted: string): Provider {
  const provider = providers.find(({ id }) => id === wanted) ?? providers.find(({ name }) => name === wanted)
  if (provider === undefined) throw fail('not_found', `there is no provider "${wanted.slice(0, 128)}"`)
  return provider
}

/** The body of a route that takes one. */
function valueOf(body: JsonBody | undefined): unknown {
  return body?.value
}

/** The contract's field names, as this API spells them. */
const words: Readonly<Record<string, string>> = {
  default_model: 'defaultModel',
  env_var: 'envVar',
  api_key: 'apiKey',
  key_file: 'keyFile',
  base_url: 'baseUrl',
  id_or_name: 'idOrName',
}
