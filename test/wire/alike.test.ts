import { describe, expect, test } from 'vitest'
import type { ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import { translationProblems } from './alike/index.ts'
import { anthropicAlike } from './alike/anthropic.ts'
import { geminiAlike } from './alike/gemini.ts'
import { openaiAlike } from './alike/openai.ts'
import { responsesAlike } from './alike/responses.ts'
import { readCases } from './case.ts'
import { withoutParts } from './contract-paths.ts'
import { decode, encode, type RecordedRequest, requestOf } from './halves.ts'
import { vendorDialects } from './checks/vendor-dialects.ts'

const cases = readCases(`${import.meta.dirname}/cases`)
const requests = cases.flatMap((wireCase) => requestOf(wireCase, false) ?? [])

/** The recorded request of a dialect that says most, without what would make the test long. */
function richest(dialect: RecordedRequest['dialect']): RecordedRequest {
  const own = requests.filter((request) => request.dialect === dialect && JSON.stringify(request.body).length < 6000)
  const [found] = own.toSorted((one, other) => leavesOf(other.body).length - leavesOf(one.body).length)
  if (found === undefined) throw new Error(`there is no recorded request of ${dialect}`)
  return found
}

/** The path of every value that holds no other. */
function leavesOf(value: unknown, at: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [at]
  return Object.entries(value).flatMap(([name, member]) => leavesOf(member, [...at, name]))
}

function changed(value: unknown, [step, ...rest]: readonly string[]): unknown {
  if (step === undefined)
    return typeof value === 'string' ? `${value}?` : typeof value === 'number' ? value + 1 : !value
  const copy = Array.isArray(value) ? [...value] : { ...(value as object) }
  return Object.assign(copy, { [step]: changed((value as Record<string, unknown>)[step], rest) })
}

/** What may change in a translated request without anybody noticing: what the lists of spellings say of it. */
const free = [/^stream$/, /^stream_options\.include_usage$/, /^store$/, /^include\.\d+$/]

describe.each(vendorDialects)('a translated request of %s', (dialect) => {
  const recorded = richest(dialect)
  const { request, untranslated } = decode(recorded)
  const { body: written, dropped } = encode(dialect, request, false)
  const problems = (body: object) =>
    translationProblems(dialect, {
      recorded: recorded.body,
      written: body as Record<string, unknown>,
      dropped: [...untranslated, ...dropped],
      model: recorded.model,
    })

  test('says the same', () => {
    expect(problems(written)).toEqual([])
  })

  test('is seen to say another thing wherever a value of it changes', () => {
    const leaves = leavesOf(written)
    const unseen = leaves.filter((path) => problems(changed(written, path) as object).length === 0)
    expect(leaves.length).toBeGreaterThan(10)
    expect(unseen.map((path) => path.join('.')).filter((path) => !free.some((one) => one.test(path)))).toEqual([])
  })

  test('is seen to lack whatever is taken out of it, and what nobody named', () => {
    const members = Object.keys(written).filter((name) => !free.some((one) => one.test(name)))
    const unseen = members.filter((name) => problems({ ...written, [name]: undefined }).length === 0)
    expect(unseen).toEqual([])
    expect(problems({ ...written, invented: 1 })).not.toEqual([])
  })
})

test('a path that names nothing is a problem', () => {
  const body = { model: 'm', messages: [] }
  const told = translationProblems('openai', { recorded: body, written: body, dropped: ['top_k'], model: 'm' })
  expect(told).toEqual(['dropped names top_k, which the request does not have'])
})

test('every spelling that is taken for another has its reason', () => {
  const all = [...openaiAlike, ...anthropicAlike, ...geminiAlike('m'), ...responsesAlike]
  expect(all.filter(({ why }) => why.length < 20)).toEqual([])
})

describe('a request of the contract', () => {
  const { request } = decode({
    dialect: 'openai',
    model: 'm',
    streaming: false,
    headers: {},
    body: {
      model: 'm',
      top_k: 3,
      stop: ['x'],
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b', cache_control: { type: 'e' } },
          ],
        },
        { role: 'assistant', content: 'c', reasoning: 'hm' },
      ],
    },
  })
  const partsOf = ({ messages }: ChatRequest) => messages.map(({ parts }) => parts.map(({ kind }) => kind.case))

  test('loses the parts that are named, counted as they were', () => {
    const without = withoutParts(request, ['messages[1].reasoning', 'messages[0].parts[0]', 'top_k', 'stop'])
    expect(partsOf(without)).toEqual([['text'], ['text']])
    expect([without.topK, without.stop]).toEqual([undefined, []])
    expect(partsOf(request)).toEqual([
      ['text', 'text'],
      ['reasoning', 'text'],
    ])
    expect(
      withoutParts(request, ['messages[0].parts[1].cache_control']).messages[0]?.parts[1]?.cacheControl,
    ).toBeUndefined()
  })

  test.each(['seed', 'messages[7].reasoning', 'messages[0].parts[9]'])('has no %s to lose', (path) => {
    expect(() => withoutParts(request, [path])).toThrow(path)
  })
})
