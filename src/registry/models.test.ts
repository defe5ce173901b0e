import { create } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { expect, test } from 'vitest'
import { ModelSchema } from '#gen/switchyard/v1/registry_pb.ts'
import type { ModelRow } from '../store/contract.ts'
import { factsOf, ModelReader } from './models.ts'

const row = (model: string, facts: string, lastSeen = 2): ModelRow => ({
  provider: 'p',
  model,
  facts,
  firstSeen: 1,
  lastSeen,
})

test('reads what was stored of a model, and takes its names and times from the row', () => {
  const model = create(ModelSchema, {
    id: 'm',
    provider: 'other',
    operations: ['chat'],
    contextTokens: 5n,
    ownedBy: 'somebody',
    created: timestampFromMs(3000),
    lastSeen: timestampFromMs(9000),
    raw: { much: 'text' },
  })
  const facts = factsOf(model)
  expect(facts).not.toContain('much')
  const [read] = new ModelReader().models([row('m', facts)]).get('p') ?? []
  expect(read).toEqual({
    ...model,
    provider: 'p',
    raw: undefined,
    firstSeen: timestampFromMs(1),
    lastSeen: timestampFromMs(2),
  })
})

test('reads a row again only when it changed', () => {
  const reader = new ModelReader()
  const first = reader.models([row('a', '{}'), row('b', '{}')]).get('p') ?? []
  const second = reader.models([row('a', '{}'), row('b', '{}', 3), row('c', '{}')]).get('p') ?? []
  expect(second.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
  expect(second[0]).toBe(first[0])
  expect(second[1]).not.toBe(first[1])
  expect(reader.models([]).size).toBe(0)
})
