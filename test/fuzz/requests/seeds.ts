import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { asMap, readCases, type WireCase } from '../../wire/case.ts'
import { formatOf } from '../../wire/format.ts'

const cases = readCases(join(import.meta.dirname, '../../wire/cases'))
const recordedAs: Readonly<Record<string, string>> = {
  openai: 'completions',
  scaigrid: 'completions',
  sgp: 'completions',
}

/** Bodies that clients of a dialect send: recorded ones, where the format is a vendor's, and ones written to have every field. */
export function bodiesOf(dialect: string): string[] {
  const format = recordedAs[dialect] ?? dialect
  const recorded = cases.filter((wireCase) => formatOf(wireCase) === format).flatMap(bodyOf)
  const bodies = dialect === 'sgp' ? recorded.map((args) => ({ model: 'upstream/m', args })) : recorded
  return [...bodies, ...writtenFor(dialect)].map((body) => JSON.stringify(body)).filter(isShort)
}

/** Bodies with every field that the dialect knows, so that each is there to be changed. No client would ask for all of it at once. */
function writtenFor(dialect: string): unknown[] {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'bodies', `${dialect}.json`), 'utf8')) as unknown[]
}

function bodyOf({ request }: WireCase): object[] {
  const body = asMap(request?.body)
  return body === undefined || body['multipart'] !== undefined ? [] : [body]
}

/** A long body is mostly text, and takes long to change. */
function isShort(body: string): boolean {
  return body.length < 12_000
}
