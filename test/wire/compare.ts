import { isDeepStrictEqual } from 'node:util'
import { type FinishClass, finishClasses } from './finish.ts'
import type { ChoiceReading, Reading, ToolCallReading, UsageReading } from './meaning.ts'

/** A tool call as an answer of the gateway told it. `custom` is left out by a format that does not tell the kinds apart. */
export type ToldCall = Omit<ToolCallReading, 'custom'> & { readonly custom?: boolean }

/** A choice as an answer of the gateway told it; what its format has no place for is left out and not compared. */
export interface ToldChoice {
  readonly index: number
  readonly text?: string
  readonly reasoning?: string
  readonly refusal?: string
  readonly transcript?: string
  readonly toolCalls?: readonly ToldCall[]
  readonly finish?: FinishClass | undefined
  /** The upstream's own word for the end. */
  readonly word?: string
}

/** What an answer of the gateway told. */
export interface Told {
  readonly choices: readonly ToldChoice[]
  /** The format has room for one answer only. */
  readonly firstChoiceOnly?: boolean
  readonly usage?: Partial<UsageReading> & { readonly estimated?: boolean }
}

/** How the answer differs from the recording, a line each; empty when it means the same. */
export function differences(recorded: Reading, told: Told): string[] {
  const expected = told.firstChoiceOnly === true ? recorded.choices.slice(0, 1) : recorded.choices
  // An answer without any choice may be told as one empty choice.
  const invented = told.choices.filter(
    ({ index }) => expected.length > 0 && !expected.some((choice) => choice.index === index),
  )
  const choices = expected.flatMap((choice) => {
    const found = told.choices.find(({ index }) => index === choice.index)
    return found === undefined ? [`choice ${choice.index} is missing`] : choiceDifferences(choice, found)
  })
  return [
    ...choices,
    ...invented.map(({ index }) => `choice ${index} was not recorded`),
    ...usageDifferences(recorded.usage, told.usage),
  ]
}

const texts = ['text', 'reasoning', 'refusal', 'transcript'] as const

function choiceDifferences(expected: ChoiceReading, found: ToldChoice): string[] {
  const where = `choice ${expected.index}`
  const inTexts = texts.flatMap((name) => {
    const told = found[name]
    return told === undefined || told === expected[name] ? [] : [`${where}: ${name} ${unlike(expected[name], told)}`]
  })
  return [...inTexts, ...callDifferences(where, expected, found), ...endDifferences(where, expected, found)]
}

function endDifferences(where: string, expected: ChoiceReading, { finish, word }: ToldChoice): string[] {
  const right = finishClasses(expected)
  const wrongClass = finish !== undefined && right !== undefined && !right.has(finish)
  const words = expected.finishWords
  const wrongWord = word !== undefined && (words.length === 0 ? word !== '' : !words.includes(word))
  return [
    ...(wrongClass
      ? [`${where}: finished with ${finish}, not ${[...right].join(' or ')} (recorded: ${show(words)})`]
      : []),
    ...(wrongWord ? [`${where}: the upstream's word is ${show(word)}, recorded ${show(words)}`] : []),
  ]
}

function callDifferences(
  where: string,
  { toolCalls: expected }: ChoiceReading,
  { toolCalls: told }: ToldChoice,
): string[] {
  if (told === undefined) return []
  if (told.length !== expected.length) {
    return [`${where}: ${told.length} tool calls, recorded ${expected.length} (${show(told.map(({ name }) => name))})`]
  }
  return expected.flatMap((call, position) => {
    const found = told[position]
    if (found === undefined) return []
    const at = `${where}: tool call ${position}`
    return [
      ...(found.name === call.name ? [] : [`${at}: name ${unlike(call.name, found.name)}`]),
      ...(found.custom === undefined || found.custom === call.custom
        ? []
        : [`${at}: ${found.custom ? 'is' : 'is not'} a free-text call`]),
      ...(call.id === '' || found.id === call.id ? [] : [`${at}: id ${unlike(call.id, found.id)}`]),
      ...(sameArguments(call.arguments, found.arguments)
        ? []
        : [`${at}: arguments ${unlike(call.arguments, found.arguments)}`]),
    ]
  })
}

/** No arguments at all may be told as an empty object: that is what they mean. */
function sameArguments(expected: string, told: string): boolean {
  return told === expected || (expected.trim() === '' && told === '{}')
}

function usageDifferences(expected: UsageReading | undefined, told: Told['usage']): string[] {
  if (expected === undefined) {
    return told?.estimated === false
      ? ['usage: the recording has none, and the answer does not say it is estimated']
      : []
  }
  if (told === undefined) return ['usage: the recording has it, the answer does not']
  if (told.estimated === true) return ['usage: estimated, although the recording has it']
  return Object.entries(expected).flatMap(([name, value]) => {
    const found = told[name as keyof UsageReading]
    if (name === 'unexplained' || found === undefined || found === value) return []
    if (name === 'output' && found === value + expected.unexplained) return []
    return [`usage: ${name} is ${found}, recorded ${value}`]
  })
}

/** Where two JSON values first differ, as a path and both values; undefined when they are equal. */
export function firstDifference(expected: unknown, found: unknown, path = '$'): string | undefined {
  if (isDeepStrictEqual(expected, found)) return undefined
  if (!isNode(expected) || !isNode(found) || Array.isArray(expected) !== Array.isArray(found)) {
    return `${path} is ${show(found)}, recorded ${show(expected)}`
  }
  if (Array.isArray(expected) && Array.isArray(found) && expected.length !== found.length) {
    const at = expected.findIndex((value, index) => !isDeepStrictEqual(value, found[index]))
    return `${path} has ${found.length} values, recorded ${expected.length}; they differ from ${at < 0 ? expected.length : at}`
  }
  for (const key of new Set([...Object.keys(expected), ...Object.keys(found)])) {
    const inside = Array.isArray(expected) ? `${path}[${key}]` : `${path}.${key}`
    if (!Object.hasOwn(found, key)) return `${inside} is missing, recorded ${show(expected[key])}`
    if (!Object.hasOwn(expected, key)) return `${inside} is ${show(found[key])}, not recorded`
    const difference = firstDifference(expected[key], found[key], inside)
    if (difference !== undefined) return difference
  }
  return `${path} differs`
}

function isNode(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function unlike(expected: string, told: string): string {
  let same = 0
  while (same < expected.length && expected[same] === told[same]) same += 1
  const from = Math.max(0, same - 10)
  return `is ${show(told.slice(from))} (${told.length}), recorded ${show(expected.slice(from))} (${expected.length}), from ${from}`
}

/** A value as short JSON, for a report. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}
