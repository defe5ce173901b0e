import { describe, expect, test } from 'vitest'
import { readCases } from '../../../test/wire/case.ts'
import { readCohere } from '../../../test/wire/readers/cohere-chat.ts'
import { decodeBytes, decodeRecorded } from '../../../test/wire/readers/decoding.ts'
import { spokenBy } from '../../../test/wire/readers/spoken.ts'
import { cohereClient } from './client.ts'

const cases = readCases(`${import.meta.dirname}/../../../test/wire/cases/cohere-chat`)
const first = cases.filter(({ response }) => response.headers['content-type'] === 'application/stream+json')
const errors = cases.filter(({ response }) => response.status !== 200)
const given = cases.filter(({ response }) => response.sse?.includes('"finish_reason":"ERROR"'))
const answers = cases.filter((wireCase) => ![...first, ...errors, ...given].includes(wireCase))

test('the recordings are answers, an answer given up, an error, and one of version 1', () => {
  expect([answers.length, given.length, errors.length, first.length]).toEqual([5, 1, 1, 1])
})

describe.each(answers.map((wireCase) => [wireCase.id, wireCase] as const))('%s', (_id, { response }) => {
  test('says what an independent reader reads, however it is cut', () => {
    for (const seed of [1, 2, 3]) {
      const { events, failure } = decodeRecorded(cohereClient, response, seed)
      expect(failure).toBeUndefined()
      expect(spokenBy(events)).toEqual(readCohere(response))
    }
  })
})

test('a stream that is cut before its last event is not complete', () => {
  const sse = answers.find(({ response }) => response.sse !== undefined)?.response.sse ?? ''
  const cut = sse.slice(0, sse.indexOf('event: message-end'))
  expect(decodeBytes(cohereClient, [Buffer.from(cut)], 'text/event-stream').failure?.reason).toBe(
    'provider_interrupted',
  )
})

test('a stream with an error in it has failed, whatever follows', () => {
  const sse = answers.find(({ response }) => response.sse !== undefined)?.response.sse ?? ''
  const [before, after] = sse.split(/(?=event: message-end)/)
  for (const error of [{ error: { message: 'overloaded', code: 503 } }, { type: 'error', error: 'overloaded' }]) {
    const text = `${before}data: ${JSON.stringify(error)}\n\n${after}`
    const { events, failure } = decodeBytes(cohereClient, [Buffer.from(text)], 'text/event-stream')
    expect(failure).toBeDefined()
    expect(events.map(({ event }) => event.case)).not.toContain('finished')
  }
})

test.each(given.map((wireCase) => [wireCase.id, wireCase] as const))(
  '%s: an answer given up has failed',
  (_id, { response }) => {
    const { events, failure } = decodeRecorded(cohereClient, response)
    expect(failure).toMatchObject({ reason: 'provider_error' })
    expect(failure?.message).toContain('invalid tool generation')
    expect(events.some(({ event }) => event.case === 'finished')).toBe(false)
    expect(spokenBy(events).reasoning).toBe(readCohere(response).reasoning)
  },
)

test.each(errors.map((wireCase) => [wireCase.id, wireCase] as const))(
  '%s: a flat error keeps its message',
  (_id, { response }) => {
    const { status, headers, body } = response
    const error = cohereClient.decodeError({ status, header: (name) => headers[name], text: JSON.stringify(body) })
    expect(error.reason).toBe('not_found')
    expect(error.message).toContain("model 'command-r' was removed")
  },
)

test.each(first.map((wireCase) => [wireCase.id, wireCase] as const))(
  '%s: version 1 is not taken for an answer',
  (_id, { response }) => {
    expect(() => decodeRecorded(cohereClient, response)).toThrow('could not be read')
  },
)

// By hand, after the API reference: every recorded citation is of a text, and says of which block.
test('a citation that names no block is of the last text, and one of a plan is none of the answer', () => {
  const citation = { start: 0, end: 4, sources: [{ document: { title: 'Facts', url: 'https://example.com' } }] }
  const content = [
    { type: 'thinking', thinking: 'hm' },
    { type: 'text', text: 'Ruby.' },
  ]
  const body = {
    id: 'x',
    finish_reason: 'COMPLETE',
    message: { role: 'assistant', content, citations: [citation, { ...citation, type: 'PLAN' }] },
  }
  const { events } = decodeRecorded(cohereClient, { status: 200, headers: {}, body })
  const notes = events.flatMap(({ event }) => (event.case === 'annotation' ? [event.value] : []))
  expect(notes).toMatchObject([{ url: 'https://example.com', title: 'Facts', startIndex: 0, endIndex: 4 }])
  expect(spokenBy(events)).toMatchObject({ text: 'Ruby.', citations: [[0, 4]] })
})
