import { type ChatEvent, type ChatRequest, Role } from '#gen/switchyard/v1/chat_pb.ts'
import type { GenerateEvent, GenerateRequest } from '#gen/switchyard/v1/text_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { message, textPart } from '../dialects/parts.ts'
import { asGatewayError, fail } from '../error/index.ts'
import { completionEvent, completionEvents } from '../model/generated.ts'
import { emptyChatRequest } from '../model/request.ts'
import { sumOf, usage } from '../model/usage.ts'
import { completeBatch } from './complete.ts'
import type { CallContext, ChatEventInit, GenerateEventInit, Provider } from './contract.ts'
import { refuseDropped } from './upstream-http.ts'

type Chat = (request: ChatRequest, context: CallContext) => AsyncIterable<ChatEventInit | readonly ChatEventInit[]>

/**
 * A raw completion of a provider: its own where it has any, and where it, or the model, only chats, that of a chat. Throws
 * `unsupported_operation` where it has neither.
 */
export async function* generateWith(
  provider: Provider,
  request: GenerateRequest,
  context: CallContext,
): AsyncGenerator<GenerateEventInit | readonly GenerateEventInit[], void, void> {
  let begun = false
  try {
    for await (const step of provider.generate?.(request, context) ?? unsupported()) {
      begun = true
      yield step
    }
    return
  } catch (error) {
    const lacking = !begun && asGatewayError(error).reason === 'unsupported_operation'
    if (!lacking || provider.chat === undefined) throw error
  }
  yield* generateByChat(provider.chat.bind(provider), request, context)
}

function unsupported(): never {
  throw fail('unsupported_operation', 'the provider cannot complete text')
}

/**
 * A raw completion by a model that only chats: a chat for each prompt, which is the one message of its user, one after the other. What is
 * said beside the text, such as reasoning, has no place in a completion. Throws `unsupported_field` for what would change the answer.
 */
async function* generateByChat(
  chat: Chat,
  request: GenerateRequest,
  context: CallContext,
): AsyncGenerator<readonly GenerateEvent[], void, void> {
  const prompts = textsOf(request)
  const dropped = (request.bestOf ?? 1) > (request.n ?? 1) ? ['best_of'] : []
  refuseDropped(request, dropped)
  const spent: Usage[] = []
  let begun = false
  try {
    for (const [at, prompt] of prompts.entries()) {
      const turn = new Turn(request, prompt, at)
      for await (const step of chat(questionOf(request, prompt), context)) {
        const batch = turn.read(completeBatch(step), begun ? undefined : dropped)
        begun = true
        if (batch.length > 0) yield batch
      }
      spent.push(turn.usage)
    }
  } catch (error) {
    if (spent.length > 0) yield [usageEvent(spent)]
    throw error
  }
  yield [usageEvent(spent)]
}

/** The answer to one prompt, as part of the answer to all. */
class Turn {
  usage = usage({ inputUnknown: true, outputUnknown: true })
  readonly #offset: number
  readonly #choices: number
  #echo: string

  constructor({ n, echo }: GenerateRequest, prompt: string, at: number) {
    this.#choices = Math.max(1, n ?? 1)
    this.#offset = at * this.#choices
    this.#echo = echo === true ? prompt : ''
  }

  /** Events of the chat as those of the completion. Its start is told once, with what is `dropped`, where that is given. */
  read(events: readonly ChatEvent[], dropped: readonly string[] | undefined): GenerateEvent[] {
    for (const { event } of events) if (event.case === 'usage') this.usage = event.value
    const said = completionEvents(events, this.#offset)
    const start = dropped === undefined ? [] : said.filter(({ event }) => event.case === 'started')
    for (const { event } of start) if (event.case === 'started') event.value.dropped.push(...(dropped ?? []))
    const rest = said.filter(({ event }) => event.case === 'textDelta' || event.case === 'finished')
    return [...start, ...this.#repeat(), ...rest]
  }

  /** The prompt before each answer to it, where that was asked for. */
  #repeat(): GenerateEvent[] {
    const text = this.#echo
    this.#echo = ''
    if (text === '') return []
    return Array.from({ length: this.#choices }, (_, choice) => textEvent(text, this.#offset + choice))
  }
}

function usageEvent(spent: readonly Usage[]): GenerateEvent {
  return completionEvent({ case: 'usage', value: sumOf(spent) })
}

function textEvent(text: string, choice: number): GenerateEvent {
  return completionEvent({ case: 'textDelta', value: { $typeName: 'switchyard.v1.TextDelta', text } }, choice)
}

/** The prompts. Throws `unsupported_field` for what a chat cannot be asked, and what the answer would look otherwise without. */
function textsOf({ prompts, suffix = '', logprobs }: GenerateRequest): string[] {
  if (suffix !== '') throw missing('suffix')
  if (logprobs !== undefined) throw missing('logprobs')
  return prompts.map(({ kind }) => {
    if (kind.case === 'tokens') throw missing('prompt', 'token ids in prompt')
    return kind.value ?? ''
  })
}

function missing(param: string, what = param): Error {
  return fail('unsupported_field', `this model only chats, and does not have ${what}`, { param })
}

function questionOf(request: GenerateRequest, prompt: string): ChatRequest {
  const {
    model,
    provider,
    source,
    maxOutputTokens,
    temperature,
    topP,
    seed,
    n,
    presencePenalty,
    frequencyPenalty,
    user,
  } = request
  return {
    ...emptyChatRequest(model, provider),
    messages: [message(Role.USER, [textPart(prompt)])],
    stop: [...request.stop],
    logitBias: { ...request.logitBias },
    strict: request.strict,
    ...(source !== undefined && { source: { ...source, dialect: '', body: '', headers: {} } }),
    maxOutputTokens,
    temperature,
    topP,
    seed,
    n,
    presencePenalty,
    frequencyPenalty,
    user,
  }
}
