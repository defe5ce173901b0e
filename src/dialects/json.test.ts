import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { depthLimit, parseBody, parseStrictJson, replaceModel, valueLimit } from './json.ts'

const refused = expect.objectContaining({ reason: 'invalid_request' }) as Error
const nested = (levels: number, open: string, close: string): string => `${open.repeat(levels)}1${close.repeat(levels)}`

/** JSON text of a value with space anywhere and letters escaped at random: the same value in another spelling. */
function spelled(value: unknown, pick: () => number): string {
  const gap = (): string => ['', '', ' ', '\n', '\t \r\n'][pick() % 5] ?? ''
  const text = (string: string): string => {
    const plain = JSON.stringify(string).slice(1, -1)
    const escaped = string.replaceAll(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    return `"${pick() % 3 === 0 ? escaped : plain}"`
  }
  const write = (node: unknown): string => {
    if (typeof node === 'string') return text(node)
    if (Array.isArray(node)) return `[${gap()}${node.map((item) => write(item) + gap()).join(`,${gap()}`)}]`
    if (node === null || typeof node !== 'object') return JSON.stringify(node)
    const members = Object.entries(node).map(([key, member]) => `${text(key)}${gap()}:${gap()}${write(member)}${gap()}`)
    return `{${gap()}${members.join(`,${gap()}`)}}`
  }
  return gap() + write(value) + gap()
}

const isAlike = (key: string): boolean => key !== 'model' && key.toLowerCase() === 'model'
const anyObject = fc
  .dictionary(
    fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('model', 'models', 'mode', 'a:b', '{"model":1}', '\\"', ''),
    ),
    fc.jsonValue({ maxDepth: 4 }),
  )
  .filter((object) => !Object.keys(object).some(isAlike))

describe('replacing the model', () => {
  test('changes nothing else, however the text is spelled', () => {
    fc.assert(
      fc.property(anyObject, fc.string({ unit: 'grapheme' }), fc.infiniteStream(fc.nat()), (object, model, picks) => {
        const stream = picks[Symbol.iterator]()
        const text = spelled(object, () => Number(stream.next().value))
        const before = JSON.parse(text) as object
        const after = JSON.parse(replaceModel(text, model)) as object
        expect(after).toEqual({ ...before, model })
        if ('model' in before) expect(Object.keys(after)).toEqual(Object.keys(before))
      }),
      { numRuns: 500 },
    )
  })

  test('leaves every byte around it as it was', () => {
    const text = '{ "seed": 12345678901234567890, "x":1.0e+5 ,\n"mod\\u0065l" : "old" , "z":"\\u0041\\/" }'
    expect(replaceModel(text, 'new')).toBe(
      '{ "seed": 12345678901234567890, "x":1.0e+5 ,\n"mod\\u0065l" :"new", "z":"\\u0041\\/" }',
    )
  })

  test.each([
    ['{"model":"a"}', '{"model":"b"}'],
    ['{"model":{"model":"a"},"x":{"model":"a"}}', '{"model":"b","x":{"model":"a"}}'],
    ['{"x":["model",{"model":"a"}],"model":["a",{"b":2}]}', '{"x":["model",{"model":"a"}],"model":"b"}'],
    ['{"x":"\\"model\\":\\"a\\"","model":null}', '{"x":"\\"model\\":\\"a\\"","model":"b"}'],
    ['{"x":"\\\\","model":"a"}', '{"x":"\\\\","model":"b"}'],
    ['{"\\u006D\\u006f\\u0064\\u0065\\u006C":"a"}', '{"\\u006D\\u006f\\u0064\\u0065\\u006C":"b"}'],
    ['{}', '{"model":"b"}'],
    [`{${' '.repeat(5000)}}`, `{"model":"b"${' '.repeat(5000)}}`],
    ['\n {"x":1}', '\n {"model":"b","x":1}'],
  ])('of %s', (text, expected) => {
    expect(replaceModel(text, 'b')).toBe(expected)
  })

  test('writes any name as one string', () => {
    const name = 'a"b\\c\n\u0000}, "x": 1'
    expect(JSON.parse(replaceModel('{"model":"a","y":2}', name))).toEqual({ model: name, y: 2 })
  })
})

describe('a body that is sent on as it is', () => {
  test('is kept as text and as value', () => {
    const text = ' {"model":"a","seed":1e2} '
    expect(parseBody(text, true)).toEqual({ text, value: { model: 'a', seed: 100 } })
  })

  test.each([
    'model',
    'Model',
    'MODEL',
    'mOdEl',
    '\\u006dodel',
    'mode\\u006c',
    '\\u004dODEL',
    '\\u006d\\u006f\\u0064\\u0065\\u006c',
  ])('may not name a second model as "%s", which one upstream takes and another does not', (key) => {
    expect(() => parseBody(`{"model":"cheap","x":1,"${key}":"dear"}`, true)).toThrow(refused)
    expect(() => parseBody(`{"${key}":"dear","x":1,"model":"cheap"}`, true)).toThrow(refused)
  })

  test.each(['models', 'mode', 'xmodel', 'modeĺ', 'm0del', '\\\\u006dodel'])('may well have a member "%s"', (key) => {
    expect(parseBody(`{"model":"a","${key}":"b"}`, true).value['model']).toBe('a')
  })

  test('may name other members twice: that is for the upstream to judge', () => {
    expect(parseBody('{"model":"a","x":1,"x":2,"messages":[{"model":1,"model":2}]}', true).value['x']).toBe(2)
  })
})

describe('strict JSON', () => {
  test.each([
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":2}',
    '{"x":{"a":1,"a":2}}',
    '[{"a":1,"a":2}]',
    '{"":1,"":2}',
    '{"a":{"b":1},"a":{"b":1}}',
  ])('has no name twice: %s', (text) => {
    expect(() => parseStrictJson(text)).toThrow(refused)
  })

  test.each(['{"__proto__":1}', '{"x":[{"__proto__":{"a":1}}]}', '{"\\u005f_proto__":1}'])(
    'has no __proto__: %s',
    (text) => {
      expect(() => parseStrictJson(text)).toThrow(refused)
    },
  )

  test('is any JSON otherwise', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.infiniteStream(fc.nat()), (value, picks) => {
        const stream = picks[Symbol.iterator]()
        const text = spelled(value, () => Number(stream.next().value))
        fc.pre(!JSON.stringify(value).includes('"__proto__":'))
        expect(parseStrictJson(text)).toEqual(JSON.parse(text))
      }),
    )
  })
})

describe.each([true, false])('any body (sent on as it is: %s)', (passThrough) => {
  test.each([
    '',
    ' ',
    'null',
    '5',
    '"x"',
    '[]',
    '[{"model":"a"}]',
    '{',
    '{"a"}',
    '{"a":}',
    '{a:1}',
    "{'a':1}",
    '{"a":1,}',
    '{"a":1}x',
    '{"a":01}',
    '{"a":NaN}',
    '\ufeff{}',
    '{"a":"\n"}',
  ])('is a JSON object and nothing else: %j', (text) => {
    expect(() => parseBody(text, passThrough)).toThrow(refused)
  })

  test.each([
    ['[', ']'],
    ['{"a":', '}'],
    ['[{"a":', '}]'],
  ])('may nest %s only so deep', (open, close) => {
    const per = (open.match(/[[{]/g) ?? []).length
    const most = Math.floor((depthLimit - 1) / per)
    expect(parseBody(`{"model":"a","x":${nested(most, open, close)}}`, passThrough).value['model']).toBe('a')
    for (const levels of [most + 1, 5_000, 100_000, 1_000_000]) {
      expect(() => parseBody(`{"model":"a","x":${nested(levels, open, close)}}`, passThrough)).toThrow(refused)
    }
  })

  test('is not fooled by brackets in strings', () => {
    const text = `{"model":"a","x":"${'[{'.repeat(1000)}\\"${'[{'.repeat(1000)}"}`
    expect(parseBody(text, passThrough).value['model']).toBe('a')
  })

  test('holds only so many values, and is refused before they are made', () => {
    const list = (count: number): string => `{"model":"a","x":[${'0,'.repeat(count)}0]}`
    expect(parseBody(list(valueLimit - 2), passThrough).value['model']).toBe('a')
    expect(() => parseBody(list(valueLimit), passThrough)).toThrow(refused)
    expect(() => parseBody(`{"x":"${','.repeat(valueLimit * 2)}","model":"a"}`, passThrough)).not.toThrow()
  })

  test.each(['\\ud800', '\\udfff', 'x\\uD83D', '\\ude00\\ud83d', '\\ud83d\\ud83d\\ude00', '\\ud83dx\\ude00'])(
    'has no half of a surrogate pair: %s',
    (half) => {
      for (const text of [`{"model":"${half}"}`, `{"x":[{"y":"a${half}b"}]}`, `{"x":{"${half}":1}}`]) {
        expect(() => parseBody(text, passThrough)).toThrow(refused)
      }
    },
  )

  test.each(['\\ud83d\\ude00', '\\uD83D\\uDE00', '😀', '\\\\ud83d'])('may have whole characters: %s', (whole) => {
    expect(parseBody(`{"model":"${whole}"}`, passThrough).value['model']).toBe(JSON.parse(`"${whole}"`))
  })

  test.each(['1e999', '-1E400', '1e+309', '0.1e0000310', '9'.repeat(310), `-${'1'.repeat(400)}.5`])(
    'has no number that JavaScript cannot hold: %s',
    (number) => {
      for (const text of [`{"x":${number}}`, `{"x":[0, ${number} ]}`, `{"x":{"y":${number}},"z":1}`]) {
        expect(() => parseBody(text, passThrough)).toThrow(refused)
      }
    },
  )

  test.each(['1e308', '1e-999', '1e00000000001', '9'.repeat(308), `0.${'3'.repeat(500)}`, '"1e999"', 'true'])(
    'may have any number that it can: %s',
    (number) => {
      expect(parseBody(`{"x":${number}}`, passThrough).value['x']).toBe(JSON.parse(number))
    },
  )
})
