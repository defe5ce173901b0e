import { type ChatEvent, FinishReason, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { GatewayError } from '../error/index.ts'
import { asked, call, contextOf, inBothWays, textOf, whereSupported, wordFor } from './asking.ts'
import { type Check, demand, type Exam, NotSupported } from './contract.ts'

const greeting = 'Answer with one short sentence: how are you?'
/** More words than the limit of the check that has one. */
const longTask =
  'Write at least two hundred words about the sea, the wind, the ships, the harbours, the people who live there, what they ' +
  'eat, what they sing, and why they stay.'
const tokenLimit = 16

/** What an answer in words is like: its text, its events, what it used, and where it ends. */
export const answerChecks: readonly Check[] = [
  { operation: 'chat', feature: 'text', mandatory: true, run: (exam) => answersWithText(exam, false) },
  { operation: 'chat', feature: 'stream', mandatory: true, run: (exam) => answersWithText(exam, true) },
  { operation: 'chat', feature: 'order of events', mandatory: true, run: keepsTheOrder },
  { operation: 'chat', feature: 'usage', mandatory: true, run: reportsUsage },
  { operation: 'chat', feature: 'several answers (n)', mandatory: false, run: givesSeveral },
  { operation: 'chat', feature: 'stop sequence', mandatory: false, run: stopsBefore },
  { operation: 'chat', feature: 'limit of tokens', mandatory: false, run: keepsTheLimit },
  { operation: 'tokens', feature: 'count', mandatory: false, run: countsTokens },
  { operation: 'models', feature: 'list', mandatory: false, run: listsModels },
]

async function answersWithText(exam: Exam, streaming: boolean): Promise<void> {
  const events: ChatEvent[] = []
  for await (const batch of call(exam, asked(exam, greeting), streaming)) events.push(...batch)
  const text = events.map(({ event }) => (event.case === 'textDelta' ? event.value.text : '')).join('')
  demand(text.trim() !== '', 'the answer has no text')
  const ends = events.flatMap(({ event }) => (event.case === 'finished' ? [event.value.reason] : []))
  demand(ends[0] === FinishReason.STOP, `the answer ended with ${wordFor(ends[0])} and not with STOP`)
  await inBothWays(exam, asked(exam, greeting), (response, way) => {
    const [choice] = response.choices
    demand(response.choices.length === 1, `${way}: ${response.choices.length} answers instead of one`)
    demand(choice?.message?.role === Role.ASSISTANT, `${way}: the message is not the assistant's`)
  })
}

async function keepsTheOrder(exam: Exam): Promise<void> {
  for (const streaming of [true, false]) {
    const cases: string[] = []
    for await (const batch of call(exam, asked(exam, greeting), streaming))
      for (const { event } of batch) if (event.case !== undefined) cases.push(event.case)
    const heard = cases.join(' ')
    demand(cases[0] === 'started', `the first event is ${cases[0] ?? 'missing'} instead of started`)
    demand(!/started.*started/.test(heard), 'started comes twice')
    demand(!/usage.*usage/.test(heard), 'usage comes twice')
    demand(/^started (\w+ )*?finished( usage)?$/.test(heard), `what follows finished is more than usage: ${heard}`)
    demand(!/finished.*finished/.test(heard), 'the only choice finishes twice')
  }
}

async function reportsUsage(exam: Exam): Promise<void> {
  await inBothWays(exam, asked(exam, greeting), ({ usage }, way) => {
    if (usage === undefined) throw new NotSupported(`${way}: it tells no usage, so the gateway estimates`)
    const { cacheReadTokens, cacheWrite5mTokens, cacheWrite1hTokens } = usage
    // A total that the provider says it does not know is estimated by the gateway, and is as large as it has to be.
    const inputTokens = usage.inputUnknown ? Infinity : usage.inputTokens
    const outputTokens = usage.outputUnknown ? Infinity : usage.outputTokens
    demand(inputTokens > 0, `${way}: it read no tokens`)
    demand(outputTokens > 0, `${way}: it wrote no tokens`)
    demand(
      cacheReadTokens + cacheWrite5mTokens + cacheWrite1hTokens <= inputTokens,
      `${way}: more cached tokens than input`,
    )
    demand(
      usage.reasoningTokens + usage.citationTokens <= outputTokens,
      `${way}: more reasoning tokens and citations than output`,
    )
    const told = { ...usage, inputTokens, outputTokens }
    for (const [part, whole] of partsOfUsage)
      demand(told[part] <= told[whole], `${way}: its ${part} are more than its ${whole}`)
  })
}

/** Classes of tokens and the class each lies within, as `Usage` documents them. */
const partsOfUsage = [
  ['audioInputTokens', 'inputTokens'],
  ['imageInputTokens', 'inputTokens'],
  ['videoInputTokens', 'imageInputTokens'],
  ['cacheReadAudioTokens', 'cacheReadTokens'],
  ['cacheReadAudioTokens', 'audioInputTokens'],
  ['cacheReadImageTokens', 'cacheReadTokens'],
  ['cacheReadImageTokens', 'imageInputTokens'],
  ['audioOutputTokens', 'outputTokens'],
  ['imageOutputTokens', 'outputTokens'],
  ['videoOutputTokens', 'imageOutputTokens'],
] as const

async function givesSeveral(exam: Exam): Promise<void> {
  await whereSupported(exam, asked(exam, greeting, { n: 2 }), /^n$/, ({ choices }, way) => {
    const indexes = choices.map(({ index }) => index).join(', ')
    demand(indexes === '0, 1', `${way}: the answers have the indexes ${indexes} instead of 0, 1`)
    demand(
      choices.every(({ message }) => (message?.parts.length ?? 0) > 0),
      `${way}: an answer is empty`,
    )
  })
}

async function stopsBefore(exam: Exam): Promise<void> {
  const request = asked(exam, 'Repeat these words, nothing else: alpha bravo charlie delta', { stop: ['charlie'] })
  await whereSupported(exam, request, /^stop/, (response, way) => {
    demand(!textOf(response).includes('charlie'), `${way}: the answer has the stop sequence in it`)
    demand(response.choices[0]?.finishReason === FinishReason.STOP, `${way}: it did not end with STOP`)
  })
}

async function keepsTheLimit(exam: Exam): Promise<void> {
  const request = asked(exam, longTask, { maxOutputTokens: tokenLimit })
  await whereSupported(exam, request, /max_.*tokens/, ({ choices, usage }, way) => {
    demand(choices[0]?.finishReason === FinishReason.LENGTH, `${way}: it did not end with LENGTH`)
    demand((usage?.outputTokens ?? 0) <= tokenLimit, `${way}: ${usage?.outputTokens} tokens, over ${tokenLimit}`)
  })
}

async function countsTokens(exam: Exam): Promise<void> {
  const few = await countOf(exam, greeting)
  demand(few > 0, 'it counts no tokens in a question')
  const many = await countOf(exam, longTask)
  demand(many > few, `it counts ${many} tokens in a long text, and ${few} in a short one`)
}

async function countOf(exam: Exam, text: string): Promise<number> {
  const { provider } = exam.subject
  if (provider.countTokens === undefined) throw new NotSupported('it counts no tokens, so the gateway estimates')
  try {
    const { inputTokens = 0, estimated } = await provider.countTokens(asked(exam, text), contextOf(exam, false))
    if (estimated === true) throw new NotSupported('it estimates')
    return inputTokens
  } catch (error) {
    if (!(error instanceof GatewayError) || error.reason !== 'unsupported_operation') throw error
    throw new NotSupported('it counts no tokens, so the gateway estimates')
  }
}

async function listsModels({ subject, signal }: Exam): Promise<void> {
  if (subject.provider.listModels === undefined) throw new NotSupported('it lists no models')
  const ids: string[] = []
  const context = { ...subject.surroundings, requestId: 'conformance-models', streaming: false, signal }
  try {
    for await (const { id = '', provider = '' } of subject.provider.listModels(context)) {
      demand(id !== '', 'a model has no id')
      ids.push(`${provider}/${id}`)
    }
  } catch (error) {
    if (!(error instanceof GatewayError) || error.reason !== 'unsupported_operation') throw error
    throw new NotSupported('it lists no models')
  }
  demand(new Set(ids).size === ids.length, 'a model is listed twice')
}
