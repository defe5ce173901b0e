import fc from 'fast-check'
import { type Dictionary, editJson, type JsonEdit, jsonEdit, position } from '../json-edits.ts'
import { type ByteEdit, cutAlone, editBytes, someBytes } from '../byte-edits.ts'
import { type Answer, type Ending, piecesOf } from './answer.ts'
import { bytesOf, type Seed, shapeOf, type Unit } from './units.ts'

/** One change to the events of an answer. Positions are any numbers: they are taken modulo what is there. */
type UnitEdit =
  | { readonly kind: 'drop' | 'stop' | 'begin'; readonly at: number }
  | { readonly kind: 'twice' | 'exchange' | 'move'; readonly at: number; readonly to: number }
  | { readonly kind: 'splice'; readonly from: number; readonly at: number; readonly to: number }
  | { readonly kind: 'json'; readonly at: number; readonly edits: readonly JsonEdit[] }
  | { readonly kind: 'name' | 'style'; readonly at: number; readonly text: string }

/** Everything that is done to one recorded answer. */
interface Plan {
  readonly seed: number
  readonly units: readonly UnitEdit[]
  readonly bytes: readonly ByteEdit[]
  readonly sizes: readonly number[]
  readonly ending: Ending
  readonly client: string
  readonly head: Partial<Pick<Answer, 'status' | 'streaming'>> & {
    readonly type?: string
    readonly header?: readonly [string, string]
  }
}

const styles = ['crlf', 'cr', 'no space', 'two lines', 'comment', 'id', 'unnamed', 'no end', 'bom', 'bare', 'tight']
const contentTypes = [
  'application/json',
  'text/event-stream',
  'application/x-ndjson',
  'application/vnd.amazon.eventstream',
  'text/plain',
  'text/html',
  'TEXT/EVENT-STREAM; charset=utf-8',
  'application/json; charset=utf-16',
  '',
]
const headers: readonly (readonly [string, string])[] = [
  ['retry-after', '-1'],
  ['retry-after', '1e9'],
  ['retry-after', 'soon'],
  ['retry-after', 'Wed, 21 Oct 2099 07:28:00 GMT'],
  ['retry-after', '99999999999999999999'],
  ['retry-after', ''],
  ['retry-after-ms', '1e400'],
  ['x-request-id', ''],
  ['x-request-id', '\u00ff\ttab'],
  ['x-ratelimit-reset-tokens', '9h9m9s'],
  ['x-amzn-errortype', 'ThrottlingException:http://'],
  ['content-length', '3'],
]
function unitEdit(dictionary: Dictionary, names: readonly string[]): fc.Arbitrary<UnitEdit> {
  const at = position
  return fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant('json'),
        at,
        edits: fc.array(jsonEdit(dictionary), { minLength: 1, maxLength: 3 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('drop', 'drop', 'stop', 'begin'), at }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('twice', 'exchange', 'move'), at, to: at }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('splice'), from: at, at, to: at }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('name'), at, text: fc.constantFrom(...names) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('style'), at, text: fc.constantFrom(...styles) }) },
  )
}

/** Answers made of recorded ones: cut, put in another order, doubled, garbled, in other pieces and under another head. */
export function answers(
  seeds: readonly Seed[],
  dictionary: Dictionary,
  clients: readonly string[],
): fc.Arbitrary<Answer> {
  const names = [
    ...new Set(seeds.flatMap(({ units }) => units.flatMap(({ before, frame }) => [frame ?? before]))),
  ].slice(0, 60)
  const units = fc.array(unitEdit(dictionary, [...names, 'ThrottlingException', 'event: error\ndata: ', '']), {
    maxLength: 5,
  })
  const none = fc.constant([])
  const head = fc.oneof(
    { weight: 8, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.record({ type: fc.constantFrom(...contentTypes) }) },
    { weight: 1, arbitrary: fc.record({ header: fc.constantFrom(...headers) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        status: fc.constantFrom(201, 204, 302, 400, 401, 404, 413, 422, 429, 500, 503, 529, 999),
      }),
    },
    { weight: 1, arbitrary: fc.record({ streaming: fc.boolean() }) },
  )
  const plan: fc.Arbitrary<Plan> = fc.record({
    seed: position,
    units: fc.oneof({ weight: 1, arbitrary: none }, { weight: 3, arbitrary: units }),
    bytes: fc.oneof(
      { weight: 3, arbitrary: none },
      { weight: 2, arbitrary: cutAlone },
      { weight: 1, arbitrary: someBytes },
    ),
    sizes: fc.oneof(none, fc.array(fc.constantFrom(1, 2, 3, 7, 16, 61, 256, 1000), { minLength: 1, maxLength: 4 })),
    ending: fc.constantFrom('end', 'end', 'end', 'end', 'break', 'stall'),
    client: fc.constantFrom(...clients),
    head,
  })
  return plan.map((made) => build(made, seeds))
}

/** The answer as it was recorded, in one piece. */
export function asRecorded({ streaming, status, headers: head, units }: Seed, client: string): Answer {
  return { client, streaming, status, headers: head, pieces: [bytesOf(units)], ending: 'end' }
}

function build(plan: Plan, seeds: readonly Seed[]): Answer {
  const seed = seeds[plan.seed % seeds.length]
  if (seed === undefined) throw new Error('there are no recordings to begin with')
  let units = [...seed.units]
  for (const edit of plan.units) units = editUnits(units, edit, seeds)
  const bytes = plan.bytes.reduce(editBytes, bytesOf(units))
  // A piece a byte is slow, and no different after the first few thousand.
  const sizes = bytes.length > 6000 && Math.max(...plan.sizes, 0) < 16 ? [...plan.sizes, 4000] : plan.sizes
  const { type, header, status = seed.status, streaming = seed.streaming } = plan.head
  return {
    client: plan.client,
    streaming,
    status,
    headers: {
      ...seed.headers,
      ...(type !== undefined && { 'content-type': type }),
      ...(header && Object.fromEntries([header])),
    },
    pieces: piecesOf(bytes, sizes),
    ending: plan.ending,
  }
}

/** An index of a unit, every shape of unit equally likely, however many there are of it. */
function pick(units: readonly Unit[], at: number): number {
  const shapes = Map.groupBy(units.keys(), (index) => cachedShape(units[index]))
  const group = [...shapes.values()][at % shapes.size] ?? []
  return group[Math.floor(at / shapes.size) % group.length] ?? 0
}

const known = new WeakMap<Unit, string>()

function cachedShape(unit: Unit | undefined): string {
  if (unit === undefined) return ''
  const shape = known.get(unit) ?? shapeOf(unit)
  known.set(unit, shape)
  return shape
}

function editUnits(units: Unit[], edit: UnitEdit, seeds: readonly Seed[]): Unit[] {
  if (units.length === 0) return units
  const at = pick(units, edit.at)
  const unit = units[at] ?? { before: '', data: '', after: '' }
  switch (edit.kind) {
    case 'drop':
      return units.toSpliced(at, 1)
    case 'stop':
      return units.slice(0, at)
    case 'begin':
      return units.slice(at)
    case 'twice':
      return units.toSpliced(edit.to % (units.length + 1), 0, unit)
    case 'move':
      return units.toSpliced(at, 1).toSpliced(edit.to % units.length, 0, unit)
    case 'exchange': {
      const to = edit.to % units.length
      return units.with(at, units[to] ?? unit).with(to, unit)
    }
    case 'splice': {
      const others = seeds[edit.from % seeds.length]?.units ?? []
      const other = others.length === 0 ? undefined : others[pick(others, edit.at)]
      return other === undefined ? units : units.toSpliced(edit.to % (units.length + 1), 0, other)
    }
    case 'json':
      return units.with(at, { ...unit, data: editJson(unit.data, edit.edits) })
    case 'name':
      return units.with(at, unit.frame === undefined ? { ...unit, before: edit.text } : { ...unit, frame: edit.text })
    case 'style':
      return edit.text === 'crlf' || edit.text === 'cr' || edit.text === 'unnamed'
        ? units.map((one) => styled(one, edit.text))
        : units.with(at, styled(unit, edit.text))
    default:
      return edit satisfies never
  }
}

/** An event written otherwise: most of these mean the same, some mean nothing. */
function styled(unit: Unit, style: string): Unit {
  const { before, data, after } = unit
  switch (style) {
    case 'crlf':
      return { ...unit, before: before.replaceAll(/\r?\n/g, '\r\n'), after: after.replaceAll(/\r?\n/g, '\r\n') }
    case 'cr':
      return { ...unit, before: before.replaceAll(/\r?\n/g, '\r'), after: after.replaceAll(/\r?\n/g, '\r') }
    case 'no space':
      return { ...unit, before: before.replace(/ $/, '') }
    case 'two lines':
      return { ...unit, data: data.replaceAll(',"', ',\ndata: "') }
    case 'comment':
      return { ...unit, before: `: keep-alive\n\n:\n${before}` }
    case 'id':
      return { ...unit, before: `id: 7\nretry: 9\nunknown: x\n${before}` }
    case 'unnamed':
      return { ...unit, before: before.replace(/event:[^\n]*\n/, '') }
    case 'no end':
      return { ...unit, after: after.slice(1) }
    case 'bom':
      return { ...unit, before: `\ufeff${before}` }
    case 'bare':
      return { ...unit, before: '' }
    default:
      return { ...unit, after: '' }
  }
}
