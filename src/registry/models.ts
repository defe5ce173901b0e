import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { type Model, ModelSchema } from '#gen/switchyard/v1/registry_pb.ts'
import type { ModelRow } from '../store/contract.ts'

/** The models of each provider, by its name, as it listed them. A row that holds no model is left out. */
export function syncedModels(rows: readonly ModelRow[]): ReadonlyMap<string, readonly Model[]> {
  const models = new Map<string, Model[]>()
  for (const row of rows) {
    const model = modelOf(row)
    const known = models.get(row.provider)
    if (model === undefined) continue
    if (known === undefined) models.set(row.provider, [model])
    else known.push(model)
  }
  return models
}

function modelOf({ provider, model, facts, firstSeen, lastSeen }: ModelRow): Model | undefined {
  try {
    const read = fromJson(ModelSchema, JSON.parse(facts) as JsonValue, { ignoreUnknownFields: true })
    return {
      ...read,
      id: model,
      provider,
      firstSeen: timestampFromMs(firstSeen),
      lastSeen: timestampFromMs(lastSeen),
    }
  } catch {
    return undefined
  }
}

/** What is stored of a model: everything but its names and times of sight, which the row has, and its upstream's own words. */
export function factsOf(model: Model): string {
  const { firstSeen: _first, lastSeen: _last, raw: _raw, ...facts } = model
  return JSON.stringify(toJson(ModelSchema, { ...facts, id: '', provider: '' }))
}
