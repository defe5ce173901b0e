import { shorterList, simplerJson } from '../simpler.ts'
import type { Answer } from './answer.ts'
import { bytesOf, eventsOf, framesOf, type Unit } from './units.ts'

/** Simpler answers than a failing one: fewer pieces, a plainer head, fewer and shorter events. */
export function* simplerAnswers(answer: Answer): Generator<Answer, void, void> {
  const whole = Buffer.concat(answer.pieces)
  if (answer.pieces.length > 1) yield { ...answer, pieces: [whole] }
  if (answer.ending !== 'end') yield { ...answer, ending: 'end' }
  if (answer.client !== 'rpc') yield { ...answer, client: 'rpc' }
  if (answer.status !== 200) yield { ...answer, status: 200 }
  for (const name of Object.keys(answer.headers)) {
    const { [name]: _, ...headers } = answer.headers
    yield { ...answer, headers }
  }
  if (answer.pieces.length > 1) {
    yield { ...answer, pieces: halves(answer.pieces) }
    for (const pieces of shorterList(answer.pieces)) yield { ...answer, pieces }
    return
  }
  for (const units of simplerUnits(unitsIn(whole))) yield { ...answer, pieces: [bytesOf(units)] }
  if (whole.length < 3000) {
    for (const bytes of shorterList([...whole])) yield { ...answer, pieces: [Buffer.from(bytes)] }
  }
}

/** Every two pieces as one. */
function halves(pieces: readonly Buffer[]): Buffer[] {
  return pieces.flatMap((piece, at) =>
    at % 2 === 0 ? [Buffer.concat([piece, pieces[at + 1] ?? Buffer.alloc(0)])] : [],
  )
}

function unitsIn(bytes: Buffer): Unit[] {
  const frames = framesOf(bytes)
  return frames.length > 0 && bytesOf(frames).equals(bytes) ? frames : eventsOf(bytes.toString()).flatMap(linesOf)
}

/** What is no event may be lines of JSON, which can be left out one by one. */
function linesOf(unit: Unit): Unit[] {
  if (unit.data !== '') return [unit]
  return unit.before.split(/(?<=\n)/).map((line) => {
    const data = line.trimEnd()
    return { before: '', data, after: line.slice(data.length) }
  })
}

function* simplerUnits(units: readonly Unit[]): Generator<readonly Unit[], void, void> {
  yield* shorterList(units)
  for (const [at, unit] of units.entries()) {
    for (const data of simplerJson(unit.data)) yield units.with(at, { ...unit, data })
  }
}
