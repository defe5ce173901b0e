import type { DrillAfter, Drills, Subject } from './contract.ts'

/** Finds the models of a subject that misbehave on purpose, by their names in its list. None where it lists no models. */
export async function findDrills(subject: Subject, signal: AbortSignal): Promise<Drills> {
  const names = await listedBeside(subject, signal)
  const named = (pattern: RegExp): readonly RegExpExecArray[] =>
    [...names.keys()].map((name) => pattern.exec(name)).filter((match) => match !== null)
  const asked = ({ input }: RegExpExecArray): string => names.get(input) ?? input
  const one = (pattern: RegExp): string | undefined => named(pattern).map(asked)[0]
  const after = (kind: string): DrillAfter | undefined =>
    named(new RegExp(`^${kind}-after-(\\d+)$`)).map((match) => ({ model: asked(match), deltas: Number(match[1]) }))[0]
  const found = {
    hang: one(/^hang$/),
    hangAfter: after('hang'),
    cutAfter: after('cut'),
    errorAfter: after('error'),
    parallelCalls: one(/\?calls=2$/),
  }
  const present = Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined))
  const statuses = named(/^status-(\d{3})$/).map((match) => ({ status: Number(match[1]), model: asked(match) }))
  return { ...present, statuses }
}

/** The models that the one examined has beside it, each with the name to ask for; a gateway's are those of the same provider. */
async function listedBeside(subject: Subject, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const { provider, model, surroundings } = subject
  const names = new Map<string, string>()
  if (provider.listModels === undefined) return names
  const context = { ...surroundings, requestId: 'conformance-drills', streaming: false, signal }
  try {
    for await (const { id = '', provider: owner = '' } of provider.listModels(context)) {
      if (owner === '') names.set(id, id)
      else if (model.startsWith(`${owner}/`)) names.set(id.replace(`${owner}/`, ''), id)
    }
  } catch {
    return new Map()
  }
  return names
}
