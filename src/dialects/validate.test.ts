import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { GatewayError } from '../error/index.ts'
import { check, dottedPath } from './validate.ts'

const part = z.looseObject({ type: z.string(), text: z.string().nullish() })
const schema = z.looseObject({
  model: z.string().min(1),
  count: z.int().min(1).max(10).nullish(),
  messages: z.array(
    z.looseObject({ role: z.enum(['user', 'tool']), content: z.union([z.string(), z.array(part)]).nullish() }),
  ),
})
const good = { model: 'm', messages: [{ role: 'user', content: 'x' }] }

function fault(value: unknown): GatewayError {
  try {
    check(schema, value)
  } catch (error) {
    if (error instanceof GatewayError) return error
  }
  throw new Error('nothing was wrong')
}

test('a good body is returned untouched, with what nobody knows', () => {
  const body = { ...good, extra: { deep: [1] } }
  expect(check(schema, body)).toBe(body)
})

describe('a bad body', () => {
  test.each([
    [{ ...good, model: undefined }, 'model', 'model is required', 'missing'],
    [{ ...good, model: '' }, 'model', undefined, 'too_small'],
    [{ ...good, model: 5 }, 'model', undefined, 'invalid_type'],
    [{ model: 'm' }, 'messages', 'messages is required', 'missing'],
    [{ ...good, count: '5' }, 'count', undefined, 'invalid_type'],
    [{ ...good, count: 1.5 }, 'count', undefined, 'invalid_type'],
    [{ ...good, count: 0 }, 'count', undefined, 'too_small'],
    [{ ...good, count: 11 }, 'count', undefined, 'too_big'],
    [{ ...good, count: Number.POSITIVE_INFINITY }, 'count', undefined, 'invalid_type'],
    [{ ...good, messages: [{ content: 'x' }] }, 'messages[0].role', 'messages[0].role is required', undefined],
    [{ ...good, messages: [good.messages[0], { role: 'king' }] }, 'messages[1].role', undefined, 'invalid_value'],
    [
      { ...good, messages: [{ role: 'user', content: [{ text: 'x' }] }] },
      'messages[0].content[0].type',
      'messages[0].content[0].type is required',
      'missing',
    ],
    [
      { ...good, messages: [{ role: 'user', content: [{ type: 'text', text: 7 }] }] },
      'messages[0].content[0].text',
      undefined,
      'invalid_type',
    ],
    [{ ...good, messages: [{ role: 'user', content: 7 }] }, 'messages[0].content', undefined, undefined],
    [{ ...good, messages: [null] }, 'messages[0]', undefined, 'invalid_type'],
    [{ ...good, messages: 'x' }, 'messages', undefined, 'invalid_type'],
  ])('%j names %s', (body, param, message, type) => {
    const error = fault(body)
    expect([error.reason, error.details.param]).toEqual(['invalid_request', param])
    expect(error.message.startsWith(param)).toBe(true)
    if (message !== undefined) expect(error.message).toBe(message)
    if (type !== undefined) expect(error.details.issues?.[0]?.type).toBe(type)
  })

  test.each([null, 5, 'x', [], undefined])('that is no object at all names no field (%j)', (body) => {
    const error = fault(body)
    expect(error.details).not.toHaveProperty('param')
    expect(error.details.issues?.length).toBe(1)
  })

  test('is dealt with however much of it is bad', () => {
    const parts = Array.from({ length: 140_000 }, () => 0)
    const error = fault({ ...good, messages: [{ role: 'user', content: parts }] })
    expect(error.details.param).toBe('messages[0].content[0]')
  })

  test('has all its faults listed, in order, each with what was given', () => {
    const { issues } = fault({ model: 5, count: 99, messages: [{ role: 'x' }] }).details
    expect(issues?.map(({ path, input }) => [dottedPath(path), input])).toEqual([
      ['model', 5],
      ['count', 99],
      ['messages[0].role', 'x'],
    ])
  })
})

test.each([
  [[], ''],
  [['a'], 'a'],
  [['a', 'b', 0, 'c'], 'a.b[0].c'],
  [[0, 1], '[0][1]'],
] as const)('the path %j is written %s', (path, expected) => {
  expect(dottedPath(path)).toBe(expected)
})
