import { expect, test } from 'vitest'
import { rerank } from './rerank.ts'

const asked = { query: 'q', documents: ['a'] }

test.each([
  [asked, '/v2/rerank'],
  [{ ...asked, max_tokens_per_doc: 9 }, '/v2/rerank'],
  [{ ...asked, return_documents: true }, '/v1/rerank'],
  [{ ...asked, rank_fields: ['title'] }, '/v1/rerank'],
  [{ ...asked, documents: [{ title: 'a' }] }, '/v1/rerank'],
])('%j is asked of the version that has it: %s', (args, path) => {
  expect(typeof rerank.path === 'function' ? rerank.path(args) : rerank.path).toBe(path)
})

test.each([
  ['rerank-v3.5', {}, true],
  ['any', asked, true],
  ['command-a', { query: 'q' }, false],
  ['command-a', {}, false],
])('is what %s is asked with %j: %j', (model, args, expected) => {
  expect(rerank.means(model, args)).toBe(expected)
})

test('is billed by searches, and tells no tokens', () => {
  const meta = { api_version: { version: '2' }, billed_units: { search_units: 2 } }
  expect(rerank.usage?.({ meta })).toMatchObject({ inputTokens: 0, outputTokens: 0, raw: { search_units: 2 } })
  for (const answer of [{}, { meta: null }, { meta: { billed_units: [] } }]) {
    expect(rerank.usage?.(answer)).toBeUndefined()
  }
})
