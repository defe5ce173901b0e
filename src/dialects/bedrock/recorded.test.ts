import { describe, expect, test } from 'vitest'
import { bodyBytes, readCases } from '../../../test/wire/case.ts'
import { readConverse } from '../../../test/wire/readers/bedrock-converse.ts'
import { decodeBytes, decodeRecorded } from '../../../test/wire/readers/decoding.ts'
import { spokenBy } from '../../../test/wire/readers/spoken.ts'
import { FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import { bedrockClient } from './client.ts'

const cases = readCases(`${import.meta.dirname}/../../../test/wire/cases/bedrock-converse`)
const answers = cases.filter(({ response }) => response.status === 200)
const streams = answers.filter(({ response }) => response.eventstream !== undefined)
const refusals = cases.filter(({ response }) => response.status !== 200)
const binary = 'application/vnd.amazon.eventstream'

test('the recordings are whole answers, streams and errors', () => {
  expect([answers.length - streams.length, streams.length, refusals.length]).toEqual([5, 2, 2])
})

describe.each(answers.map((wireCase) => [wireCase.id, wireCase] as const))('%s', (_id, { response }) => {
  test('says what an independent reader reads, however it is cut', () => {
    for (const seed of [1, 2, 3]) {
      const { events, failure } = decodeRecorded(bedrockClient, response, seed)
      expect(failure).toBeUndefined()
      expect(spokenBy(events)).toEqual(readConverse(response))
    }
  })

  test('lets no filler through', () => {
    const shown = JSON.stringify(decodeRecorded(bedrockClient, response).events, (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    )
    expect(shown).not.toContain('abcdefghijkl')
  })
})

describe.each(streams.map((wireCase) => [wireCase.id, wireCase] as const))('%s', (_id, { response }) => {
  test('is not complete when it is cut anywhere before the stop', () => {
    const bytes = bodyBytes(response)
    const stop = bytes.indexOf('messageStop')
    for (let end = 1; end < stop; end += 997) {
      const { failure } = decodeBytes(bedrockClient, [bytes.subarray(0, end)], binary)
      expect(failure?.reason, `cut at ${end}`).toBe('provider_interrupted')
    }
  })

  test('is complete without the metadata that follow the stop, though not counted', () => {
    const bytes = bodyBytes(response)
    const { events, failure } = decodeBytes(bedrockClient, [bytes.subarray(0, bytes.lastIndexOf('metadata'))], binary)
    expect(failure).toBeUndefined()
    expect(events.some(({ event }) => event.case === 'finished')).toBe(true)
    expect(events.some(({ event }) => event.case === 'usage')).toBe(false)
  })

  test('fails when a bit of it is wrong', () => {
    const bytes = Buffer.from(bodyBytes(response))
    const middle = bytes.indexOf('contentBlockDelta') + 60
    bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle)
    expect(decodeBytes(bedrockClient, [bytes], binary).failure?.reason).toBe('provider_error')
  })
})

test('a call is the client’s to run unless the service says that it ran it, whole and streamed', () => {
  const toolUse = (type?: string) => ({ toolUseId: `id-${type}`, name: 'f', input: { a: 1 }, ...(type && { type }) })
  const kinds = [undefined, 'tool_use', 'server_tool_use']
  const content = kinds.map((type) => ({ toolUse: toolUse(type) }))
  const answer = { output: { message: { role: 'assistant', content } }, stopReason: 'tool_use' }
  const decoder = () => bedrockClient.decodeChat({ dropped: [], passThrough: false }, bedrockClient.defaults, '')
  const streamed = decoder()
  const events = [
    ...kinds.flatMap((type, contentBlockIndex) => [
      ...streamed.event({
        event: 'contentBlockStart',
        data: JSON.stringify({ contentBlockIndex, start: { toolUse: { ...toolUse(type), input: undefined } } }),
      }),
      ...streamed.event({ event: 'contentBlockStop', data: JSON.stringify({ contentBlockIndex }) }),
    ]),
    ...streamed.event({ event: 'messageStop', data: JSON.stringify({ stopReason: 'tool_use' }) }),
    ...streamed.end().events,
  ]
  for (const told of [decoder().whole(JSON.stringify(answer)), events])
    expect(spokenBy(told).calls.map(({ id }) => id)).toEqual(['id-undefined', 'id-tool_use'])
})

test('an intervention of a guardrail is a content filter, told in the vendor’s own word', () => {
  const found = cases.find(({ tags }) => tags.includes('guardrail'))
  const last =
    found && decodeRecorded(bedrockClient, found.response).events.find(({ event }) => event.case === 'finished')
  expect(last?.event.value).toMatchObject({
    reason: FinishReason.CONTENT_FILTER,
    upstreamReason: 'guardrail_intervened',
  })
})

test.each(refusals.map((wireCase) => [wireCase.id, wireCase] as const))(
  '%s is an error of its kind',
  (_id, wireCase) => {
    const { status, headers, body } = wireCase.response
    const error = bedrockClient.decodeError({ status, header: (name) => headers[name], text: JSON.stringify(body) })
    const { message } = body as { message: string }
    if (status === 400) expect(error).toMatchObject({ reason: 'invalid_request', message })
    else expect(error).toMatchObject({ reason: 'provider_credential' })
  },
)
