import { join } from 'node:path'
import type { ClientDialect } from '../../../src/dialects/contract.ts'
import {
  anthropicClient,
  bedrockClient,
  cohereClient,
  geminiClient,
  ollamaClient,
  openaiClient,
  responsesClient,
} from '../../../src/dialects/clients.ts'
import { readCases } from '../../wire/case.ts'
import { formatOf, type WireFormat } from '../../wire/format.ts'
import { Fault } from '../fault.ts'
import { dictionaryOf } from '../json-edits.ts'
import type { Target } from '../target.ts'
import { type Answer, readAnswer, writeAnswer } from './answer.ts'
import { clients } from './clients.ts'
import { asEvents, contractClient } from './contract.ts'
import { answers, asRecorded } from './edits.ts'
import type { AnswerFormat } from './ends.ts'
import { requireCount, requirePromises } from './oracle.ts'
import { outcomeOf } from './outcome.ts'
import { simplerAnswers } from './simpler-answer.ts'
import { bytesOf, type Seed, seedOf } from './units.ts'
import type { Wire } from './wire.ts'

const cases = readCases(join(import.meta.dirname, '../../wire/cases'))

/** Milliseconds after which nothing that nobody reads is open any more: a little more than the exchange gives it. */
const releaseMs = 700

function target<Options>(format: AnswerFormat, dialect: ClientDialect<Options>): () => Target<Answer> {
  return () => {
    const seeds = format === 'contract' ? eventSeeds() : seedsOf(format)
    const open = new Map<Wire, Answer>()
    return {
      name: `answer-${dialect.name}`,
      inputs: answers(seeds, dictionaryOf(textsOf(seeds)), clients),
      recorded: seeds.flatMap((seed) => clients.map((client) => asRecorded(seed, client))),
      async check(answer) {
        const outcome = await outcomeOf(dialect, answer)
        if (!outcome.wire.released) open.set(outcome.wire, answer)
        requirePromises(format, answer, outcome)
        requireCount(dialect, outcome.wire.given.toString())
      },
      async after() {
        if (open.size > 0) await new Promise((resolve) => setTimeout(resolve, releaseMs))
        const held = [...open].find(([{ released }]) => !released)
        open.clear()
        if (held === undefined) return undefined
        const [, input] = held
        return { fault: new Fault('leak', 'the connection of an answer nobody reads was never given up'), input }
      },
      simpler: simplerAnswers,
      write: writeAnswer,
      read: readAnswer,
    }
  }
}

function seedsOf(format: WireFormat): Seed[] {
  return cases.filter((wireCase) => formatOf(wireCase) === format).map(seedOf)
}

/** Recorded answers of all formats, as events. */
function eventSeeds(): Seed[] {
  return cases.flatMap((wireCase) => {
    const format = formatOf(wireCase)
    const seed = seedOf(wireCase)
    return format === undefined ? [] : asEvents(format, bytesOf(seed.units), seed)
  })
}

function textsOf(seeds: readonly Seed[]): string[] {
  return seeds.flatMap(({ units }) => units.map(({ data }) => data))
}

/** What reads the answers of upstreams: the client half of every dialect, on its whole way from the connection to a client, and what comes from a remote provider. */
export const answerTargets: readonly (() => Target<Answer>)[] = [
  target('completions', openaiClient),
  target('responses', responsesClient),
  target('anthropic', anthropicClient),
  target('gemini', geminiClient),
  target('bedrock', bedrockClient),
  target('cohere', cohereClient),
  target('ollama', ollamaClient),
  target('contract', contractClient),
]
