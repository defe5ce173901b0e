import { describe, expect, test } from 'vitest'
import { bodyBytes, readCases } from '../../../test/wire/case.ts'
import { decodeBytes, decodeRecorded } from '../../../test/wire/readers/decoding.ts'
import { readOllama } from '../../../test/wire/readers/ollama-native.ts'
import { spokenBy } from '../../../test/wire/readers/spoken.ts'
import { ollamaClient } from './client.ts'

const cases = readCases(`${import.meta.dirname}/../../../test/wire/cases/ollama-native`)
const lines = 'application/x-ndjson'
const line = (value: object): Buffer => Buffer.from(`${JSON.stringify(value)}\n`)
const minted = (id: string): boolean => /^call_[0-9a-f]{32}$/.test(id)

describe.each(cases.map((wireCase) => [wireCase.id, wireCase] as const))('%s', (_id, { response }) => {
  test('says what an independent reader reads, however it is cut', () => {
    for (const seed of [1, 2, 3]) {
      const { events, failure } = decodeRecorded(ollamaClient, response, seed)
      expect(failure).toBeUndefined()
      expect(spokenBy(events, minted)).toEqual(readOllama(response))
    }
  })
})

test('a stream is not complete without its last line', () => {
  const found = cases.find(({ response }) => response.ndjson !== undefined)
  const bytes = found === undefined ? Buffer.alloc(0) : bodyBytes(found.response)
  for (let end = 1; end < bytes.length - 2; end += 331) {
    const { failure } = decodeBytes(ollamaClient, [bytes.subarray(0, end)], lines)
    expect(failure?.reason, `cut at ${end}`).toBe('provider_interrupted')
  }
})

// By hand, after the API reference: no recording has calls in a stream, nor an error in one.
test('every call of a stream is one of its own, though the index repeats, and gets an id where it has none', () => {
  const call = (city: string) => ({ function: { index: 0, name: 'look', arguments: { city } } })
  const { events } = decodeBytes(
    ollamaClient,
    [
      line({ model: 'm', message: { role: 'assistant', content: '', tool_calls: [call('Rome')] }, done: false }),
      line({ model: 'm', message: { role: 'assistant', content: '', tool_calls: [call('Oslo')] }, done: false }),
      line({ model: 'm', message: { role: 'assistant', content: '' }, done: true, done_reason: 'stop' }),
    ],
    lines,
  )
  expect(spokenBy(events, minted)).toMatchObject({
    calls: [
      { id: '', name: 'look', input: { city: 'Rome' } },
      { id: '', name: 'look', input: { city: 'Oslo' } },
    ],
  })
  const ids = events.flatMap(({ event }) => (event.case === 'toolCallDelta' ? [event.value.id] : []))
  expect(new Set(ids).size).toBe(2)
})

test('an error in a stream is the end of it', () => {
  const said = line({ model: 'm', message: { role: 'assistant', content: 'Hel' }, done: false })
  const { events, failure } = decodeBytes(ollamaClient, [said, line({ error: 'model runner has stopped' })], lines)
  expect(failure?.reason).toBe('provider_error')
  expect(spokenBy(events).text).toBe('Hel')
})

test('characters of several bytes survive being torn apart', () => {
  const said = line({ model: 'm', message: { role: 'assistant', content: 'Grüße, 世界 👋' }, done: false })
  const last = line({ model: 'm', message: { role: 'assistant', content: '' }, done: true, done_reason: 'stop' })
  const bytes = Array.from(Buffer.concat([said, last]), (byte) => Uint8Array.of(byte))
  expect(spokenBy(decodeBytes(ollamaClient, bytes, lines).events).text).toBe('Grüße, 世界 👋')
})
