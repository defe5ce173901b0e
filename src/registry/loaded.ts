import { create, type JsonObject } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import {
  type Model,
  ModelSchema,
  type Provider as ProviderRecord,
  ProviderSchema,
} from '#gen/switchyard/v1/registry_pb.ts'
import { namedOperations } from '../catalog/operations.ts'
import type { LoadedProvider } from '../core/contract.ts'
import type { Instance } from './instance.ts'
import type { ProviderSpec } from './spec.ts'

/** A provider as the core takes it: what it was declared as, what was made of it, and the models it listed when it was asked. */
export function loadedProvider(spec: ProviderSpec, instance: Instance, synced: readonly Model[]): LoadedProvider {
  const { plugin, provider, credentials, listed, fault } = instance
  const record = recordOf(spec, instance)
  const names = [...new Set([...spec.models, ...(record.defaultModel === '' ? [] : [record.defaultModel])])]
  const facts = new Map([...listed, ...synced].map((model) => [model.id, model]))
  const models = names.map((id) => facts.get(id) ?? unlisted(id, spec))
  const named = new Set(names)
  return {
    record,
    provider,
    credentials,
    models: [...models, ...listed.filter(({ id }) => !named.has(id))],
    synced: synced.filter(({ id }) => !named.has(id)),
    patterns: plugin?.manifest.models ?? [],
    vendor: plugin?.manifest.catalog ?? spec.type,
    unusable: fault !== undefined,
  }
}

/** A model that is configured and was not listed: what it is for is guessed by its name, which mostly is that of a chat. */
function unlisted(id: string, { created }: ProviderSpec): Model {
  const [operation = 'chat'] = namedOperations(id)
  return create(ModelSchema, { id, operations: [operation], created: timestampFromMs(created) })
}

/** What clients may see of a provider. */
function recordOf(spec: ProviderSpec, instance: Instance): ProviderRecord {
  const { id, name, type, settings, secret, origin } = spec
  const { plugin, fault } = instance
  const isStored = origin === 'stored'
  return create(ProviderSchema, {
    id,
    name,
    type,
    defaultModel: spec.defaultModel === '' ? (plugin?.manifest.defaultModel ?? '') : spec.defaultModel,
    // Through the API, the address is what was given; where the operator's own is, the API need not know.
    baseUrl: isStored ? spec.baseUrl : instance.baseUrl,
    created: timestampFromMs(spec.created),
    updated: timestampFromMs(spec.updated),
    configured: !isStored,
    problem: fault?.message ?? '',
    ...(isStored && Object.keys(settings).length > 0 && { settings: settings as JsonObject }),
    ...keyOf(spec, instance, secret),
  })
}

function keyOf(
  { origin, baseUrl }: ProviderSpec,
  { plugin, credentials }: Instance,
  secret: ProviderSpec['secret'],
): Pick<ProviderRecord, 'envVar' | 'keySource'> & { keyFile?: string } {
  switch (secret.kind) {
    case 'env':
      return { envVar: secret.variable, keySource: 'env' }
    case 'file':
      return { envVar: '', keySource: 'file', keyFile: secret.path }
    case 'stored':
      return { envVar: '', keySource: 'stored' }
    case 'none': {
      const own = origin === 'stored' && baseUrl !== '' ? '' : (plugin?.manifest.keyVariable ?? '')
      return { envVar: own, keySource: credentials.length > 0 ? 'env' : 'none' }
    }
    default:
      return secret satisfies never
  }
}
