import { expect, test } from 'vitest'
import { parseBody } from '../json.ts'
import { openaiClient } from './client.ts'
import { decodeRequest } from './decode-request.ts'
import { lostSchema } from './object-format.ts'

const schema = { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'object' } } }
const options = { ...openaiClient.defaults, withoutSchemas: ['old-*'] }

function sent(model: string, format: object, own: boolean) {
  const body = { model: 'asked', messages: [{ role: 'user', content: 'JSON' }], seed: 1, response_format: format }
  const { request } = decodeRequest(parseBody(JSON.stringify(body), true))
  const { source, ...bare } = { ...request, model }
  const encoded = openaiClient.encodeChat(own && source !== undefined ? { ...bare, source } : bare, false, options)
  return { ...encoded, body: JSON.parse(encoded.body) as Record<string, unknown> }
}

test.each([true, false])(
  'a model that follows no schema is asked for an object, and that is told (own words: %s)',
  (own) => {
    const { body, dropped, passThrough } = sent('old-1', schema, own)
    expect(body).toMatchObject({ model: 'old-1', seed: 1, response_format: { type: 'json_object' } })
    expect([dropped, passThrough]).toEqual([[lostSchema], own])
  },
)

test.each([
  ['new-1', schema],
  ['old-1', { type: 'json_object' }],
])('asked of %s, %j stays as it is', (model, format) => {
  for (const own of [true, false]) {
    const { body, dropped } = sent(model, format, own)
    expect([body['response_format'], dropped]).toEqual([format, []])
  }
})
