import { create } from '@bufbuild/protobuf'
import { type Model, ModelSchema } from '#gen/switchyard/v1/registry_pb.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { LoadedProvider, Timeouts } from '../core/contract.ts'
import { timedOut, Watch } from '../core/deadline.ts'
import { fail, GatewayError } from '../error/index.ts'
import type { ModelInit } from '../provider/contract.ts'
import { bringUpToDate, type ChangeParts } from './changes.ts'
import { factsOf } from './models.ts'

/** What models are asked for with. */
export interface SyncParts extends ChangeParts {
  readonly catalog: Pick<Catalog, 'model'>
  readonly timeouts: Pick<Timeouts, 'firstEvent' | 'total'>
}

/** Models of one provider at most. */
const mostModels = 10_000
/** Longest name of a model that is kept. */
const longestName = 512

/**
 * Asks a provider for its models and stores them, with what the catalog knows of them and the provider did not tell. Throws
 * `not_found` for an unknown provider, `unsupported_operation` for one that lists no models, and what the provider throws; nothing
 * is stored unless the whole list is there.
 */
export async function syncModels(idOrName: string, parts: SyncParts): Promise<void> {
  const registry = parts.live.hold()
  try {
    const provider = registry.provider(idOrName)
    if (provider === undefined)
      throw fail('not_found', `there is no provider "${idOrName.slice(0, 128)}"`, { param: 'provider' })
    const listed = await ask(provider, parts)
    const models = listed.map((model) => completed(model, provider, parts.catalog))
    const rows = models.map((model) => ({ model: model.id, facts: factsOf(model) }))
    if (rows.length > 0) await parts.store.sawModels(provider.record.name, rows, Date.now())
    parts.workshop.log.info(
      { provider: provider.record.name, models: rows.length },
      'the models of a provider were stored',
    )
  } finally {
    parts.live.release(registry)
  }
  await bringUpToDate(parts)
}

/** The provider's whole list. A wait without a model, and the whole list, have timers of their own. */
async function ask({ record, provider, credentials }: LoadedProvider, parts: SyncParts): Promise<Model[]> {
  const { egress, log } = parts.workshop
  if (provider.listModels === undefined)
    throw fail('unsupported_operation', `the provider "${record.name}" (type ${record.type}) cannot list its models`)
  const controller = new AbortController()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  aborted.catch(() => undefined)
  const abort = (error: GatewayError): void => {
    controller.abort(error)
    // Also where the provider does not listen.
    reject(error)
  }
  const total = setTimeout(() => abort(timedOut('total')), parts.timeouts.total)
  using watch = new Watch(abort)
  const [credential] = credentials
  const context = { signal: controller.signal, streaming: false, requestId: '', egress, log, credential }
  const found = new Map<string, Model>()
  let list: AsyncIterator<ModelInit> | undefined
  try {
    list = provider.listModels(context)[Symbol.asyncIterator]()
    for (;;) {
      watch.arm('first_event', parts.timeouts.firstEvent)
      const step = await Promise.race([list.next(), aborted])
      if (step.done === true) return [...found.values()]
      const model = create(ModelSchema, step.value)
      if (isName(model.id)) found.set(model.id, model)
      if (found.size > mostModels) throw fail('provider_error', `the provider lists more than ${mostModels} models`)
    }
  } catch (error) {
    controller.abort(error)
    void list?.return?.()?.catch(() => undefined)
    if (error instanceof GatewayError) throw error
    throw fail('provider_error', 'the provider failed to list its models', { cause: error })
  } finally {
    clearTimeout(total)
  }
}

function isName(id: string): boolean {
  return id !== '' && id.length <= longestName && !/[\p{Cc}]/u.test(id)
}

/** A model with what the catalog knows of it, where the provider did not tell. */
function completed(model: Model, { vendor, record }: LoadedProvider, catalog: SyncParts['catalog']): Model {
  const known = catalog.model(vendor ?? record.type, model.id)
  if (known === undefined) return model
  const or = <Item>(told: readonly Item[], listed: readonly Item[]): Item[] => [...(told.length > 0 ? told : listed)]
  return {
    ...model,
    operations: or(model.operations, known.operations),
    contextTokens: model.contextTokens || BigInt(known.contextTokens ?? 0),
    maxOutputTokens: model.maxOutputTokens || BigInt(known.maxOutputTokens ?? 0),
    inputModalities: or(model.inputModalities, known.inputModalities),
    outputModalities: or(model.outputModalities, known.outputModalities),
  }
}
