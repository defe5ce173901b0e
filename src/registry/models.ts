import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { type Model, ModelSchema } from '#gen/switchyard/v1/registry_pb.ts'
import type { ModelRow } from '../store/contract.ts'

/** Reads rows of models, each once for as long as it stays the same: most changes of the store are of something else. */
export class ModelReader {
  #read = new Map<string, { readonly row: ModelRow; readonly model: Model | undefined }>()

  /** The models of each provider, by its name, as it listed them. A row that holds no model is left out. */
  models(rows: readonly ModelRow[]): ReadonlyMap<string, readonly Model[]> {
    const read = new Map<string, { readonly row: ModelRow; readonly model: Model | undefined }>()
    const models = new Map<string, Model[]>()
    for (const row of rows) {
      const key = `${row.provider}\n${row.model}`
      const before = this.#read.get(key)
      const same = before !== undefined && isSame(before.row, row)
      const model = same ? before.model : modelOf(row)
      read.set(key, { row, model })
      if (model === undefined) continue
      const known = models.get(row.provider)
      if (known === undefined) models.set(row.provider, [model])
      else known.push(model)
    }
    this.#read = read
    return models
  }
}

function isSame(one: ModelRow, other: ModelRow): boolean {
  return one.facts === other.facts && one.firstSeen === other.firstSeen && one.lastSeen === other.lastSeen
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
