import { EventStreamCodec } from '@smithy/eventstream-codec'
import { bodyBytes, bodyKind, type WireCase } from '../../wire/case.ts'
import { isNativeStream } from '../../wire/format.ts'

/** One event of an answer, or what stands between two: its data with what is written around it. */
export interface Unit {
  readonly before: string
  /** JSON text, as a rule. */
  readonly data: string
  readonly after: string
  /** The name of a binary frame; the text around its data is then not sent. */
  readonly frame?: string
}

/** A recorded answer, taken apart so that it can be put together otherwise. */
export interface Seed {
  readonly id: string
  readonly streaming: boolean
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly units: readonly Unit[]
}

/** How many events of the same shape in a row a seed keeps: more of them only make it slow. */
const mostAlike = 6

/** Takes a recording apart. */
export function seedOf(wireCase: WireCase): Seed {
  const { id, response } = wireCase
  const type = response.headers['content-type'] ?? response.headers['Content-Type']
  return {
    id,
    streaming: isNativeStream(wireCase),
    status: response.status,
    headers: { 'content-type': type ?? contentTypes[bodyKind(response)], 'x-request-id': 'req_upstream' },
    units: thinned(unitsOf(wireCase)),
  }
}

const contentTypes = {
  body: 'application/json',
  sse: 'text/event-stream',
  bodyText: 'text/plain',
  bodyBase64: 'application/octet-stream',
  ndjson: 'application/x-ndjson',
  eventstream: 'application/vnd.amazon.eventstream',
} as const

function unitsOf({ response }: WireCase): Unit[] {
  const bytes = bodyBytes(response)
  const kind = bodyKind(response)
  if (kind === 'eventstream') return framesOf(bytes)
  const text = bytes.toString()
  if (kind === 'sse') return eventsOf(text)
  if (kind === 'ndjson') return text.split('\n').flatMap((data) => (data === '' ? [] : [plain(data, '\n')]))
  return Array.isArray(response.body) ? elementsOf(response.body) : [plain(text, '')]
}

/** A unit that is its data alone. */
export function plain(data: string, after: string): Unit {
  return { before: '', data, after }
}

function elementsOf(list: readonly unknown[]): Unit[] {
  const elements = list.map((item, at) => ({ before: at === 0 ? '[' : ',\r\n', data: JSON.stringify(item), after: '' }))
  return [...elements, plain('', ']')]
}

/** The events of a text. Blocks end with an empty line. Lines before `data:` stand before the data, and what is no event is text around nothing. */
export function eventsOf(text: string): Unit[] {
  return text.split(/(?<=\r?\n\r?\n)/).map((block) => {
    const [, before = '', data = '', after = ''] = /^([^]*?(?:^|\n)data: ?)([^\r\n]*)([^]*)$/.exec(block) ?? ['', block]
    return { before, data, after }
  })
}

const codec = new EventStreamCodec(
  (bytes) => (typeof bytes === 'string' ? bytes : new TextDecoder().decode(bytes)),
  (text) => new TextEncoder().encode(text),
)

/** The binary frames in the bytes, as far as they are any. */
export function framesOf(bytes: Buffer): Unit[] {
  const units: Unit[] = []
  for (let start = 0; start + 16 <= bytes.length;) {
    const length = bytes.readUInt32BE(start)
    if (length < 16 || start + length > bytes.length) break
    try {
      const { headers, body } = codec.decode(bytes.subarray(start, start + length))
      const frame = String((headers[':event-type'] ?? headers[':exception-type'])?.value ?? '')
      units.push({ before: '', data: Buffer.from(body).toString(), after: '', frame })
    } catch {
      break
    }
    start += length
  }
  return units
}

/** The bytes of an answer. */
export function bytesOf(units: readonly Unit[]): Buffer {
  return Buffer.concat(units.map(unitBytes))
}

function unitBytes({ before, data, after, frame }: Unit): Uint8Array {
  if (frame === undefined) return Buffer.from(before + data + after)
  const header = (value: string) => ({ type: 'string' as const, value })
  const exception = frame.endsWith('Exception')
  return codec.encode({
    headers: {
      [exception ? ':exception-type' : ':event-type']: header(frame),
      ':content-type': header('application/json'),
      ':message-type': header(exception ? 'exception' : 'event'),
    },
    body: Buffer.from(data),
  })
}

/** What an event looks like without its values: its name, its `type`, and the names at its top. */
export function shapeOf({ before, data, frame = '' }: Unit): string {
  const type = /"type":\s*"([^"]*)"/.exec(data)?.[1] ?? ''
  const names = data.length > 20_000 ? '' : data.replaceAll(/"(?:[^"\\]|\\.)*"(?!\s*:)|[\d.]+/g, '').slice(0, 120)
  return `${frame} ${before} ${type} ${names}`
}

function thinned(units: readonly Unit[]): Unit[] {
  let alike = 0
  let last = ''
  return units.filter((unit) => {
    const shape = shapeOf(unit)
    alike = shape === last ? alike + 1 : 1
    last = shape
    return alike <= mostAlike
  })
}
