import { setTimeout } from 'node:timers/promises'
import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import { createClient } from '@connectrpc/connect'
import { SynthesizeEventSchema } from '#gen/switchyard/v1/audio_pb.ts'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import { InferEventSchema } from '#gen/switchyard/v1/infer_pb.ts'
import { GenerateEventSchema } from '#gen/switchyard/v1/text_pb.ts'
import { behaviours } from './behaviours.ts'
import { type Calling, transports } from './calls.ts'
import { Client, takeError, takeMessage } from './client.ts'
import { type OperationAsk, operations } from './operations.ts'
import { keepsAnswer, type Stage, unreachable } from './stage.ts'
import { asMap, asText, type JsonMap } from '../../wire/case.ts'
import { maps } from '../../e2e/sdk-matrix/script.ts'

type Step = () => Promise<unknown>

/** What whoever asked may be shown: what the model said, and what was asked where a refusal quotes it. */
const shows = ['answer', 'prompt', 'file name']

/** Asks for everything beside chats, of upstreams that do so well and that fail in every way. */
export function operationSteps(calling: Calling): Step[] {
  return [...overHttp(calling), ...left(calling), ...again(calling), ...streamed(calling)]
}

/** Each operation at the models that it can be asked of; some of those that fail, unless it is to be thorough. */
function overHttp({ stage, url, keys, thorough }: Calling): Step[] {
  const client = new Client(stage.evidence, url)
  return operations.flatMap((ask, nth) =>
    modelsOf(ask)
      .filter((_model, at) => thorough || (at + nth) % 4 === 0)
      .map((model, at) => {
        const { body, headers } = sent(ask, model, stage)
        const question = { body, headers: { ...headers, ...bearer(keys[at % keys.length]) }, shows }
        return () => client.ask(ask.path(model), question)
      }),
  )
}

function modelsOf({ prefix = '', at = [] }: OperationAsk): string[] {
  const names = [...Object.keys(behaviours), ...(prefix === 'later-' ? ['failing'] : [])]
  return [
    ...['openai', ...at].flatMap((provider) => names.map((name) => `${provider}/${prefix}${name}`)),
    ...['400', '401', '500', 'garbage'].map((name) => `far/${name}`),
    ...unreachable.map((name) => `${name}/well`),
    'simulator/echo',
    'nobody/at-all',
  ]
}

function sent(ask: OperationAsk, model: string, { canaries }: Stage, more = '') {
  return ask.send(model, { prompt: `${canaries.prompt.text}${more}`, fileName: canaries.fileName.text })
}

function bearer(key = ''): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${key}` }
}

/** Callers who leave in the midst of it. */
function left({ stage, url, keys }: Calling): Step[] {
  const client = new Client(stage.evidence, url)
  return operations.flatMap((ask, nth) =>
    [1, 40].map((leaveAfter) => {
      const model = `openai/${ask.prefix ?? ''}drip`
      const { body, headers } = sent(ask, model, stage)
      const question = { body, headers: { ...headers, ...bearer(keys[nth % keys.length]) }, shows, leaveAfter }
      return () => client.ask(ask.path(model), question)
    }),
  )
}

/** Calls that are in the midst of their answer, or wait for it; some of them can be sent again. */
export function openOperations({ stage, url, keys }: Calling): Step[] {
  const client = new Client(stage.evidence, url)
  return operations.flatMap((ask, nth) =>
    ['drip', 'silent'].map((name) => {
      const model = `openai/${ask.prefix ?? ''}${name}`
      const { body, headers } = sent(ask, model, stage, ` ${keepsAnswer}`)
      const mark = { 'idempotency-key': `${stage.canaries.idempotencyKey.text}-open-${nth}-${name}` }
      const question = { body, headers: { ...headers, ...bearer(keys[0]), ...(nth % 2 === 0 && mark) } }
      return () => client.ask(ask.path(model), { ...question, shows: [...shows, 'filed answer'] })
    }),
  )
}

/** Requests that are sent again with a key of their own: one after another, and at once; with other words; of answers that fail. */
function again({ stage, url, keys }: Calling): Step[] {
  const client = new Client(stage.evidence, url)
  const [key] = keys
  return operations.flatMap((ask, nth) =>
    ['well', '400', 'garbage', 'cut'].map((name) => async () => {
      const model = `openai/${ask.prefix ?? ''}${name}`
      const mark = `${stage.canaries.idempotencyKey.text}-${nth}-${name}`
      const send = (more: string): Promise<unknown> => {
        const { body, headers } = sent(ask, model, stage, ` ${keepsAnswer}${more}`)
        const question = { body, headers: { ...headers, ...bearer(key), 'idempotency-key': mark } }
        return client.ask(ask.path(model), { ...question, shows: [...shows, 'filed answer'] })
      }
      await Promise.all([send(''), send('')])
      await send('')
      await send(', but another one')
      const { body, headers } = sent(ask, model, stage)
      const bad = { ...headers, ...bearer(key), 'idempotency-key': `${mark} no key ${'x'.repeat(300)}` }
      await client.ask(ask.path(model), { body, headers: bad, shows })
    }),
  )
}

/** Waits for the films that were begun, and looks at all there is of them until they are forgotten. */
export async function watchFilms({ stage, url, keys }: Calling): Promise<void> {
  const client = new Client(stage.evidence, url)
  for (const key of keys) {
    const ask = (path: string, method = 'GET') =>
      client.ask(path, { method, headers: bearer(key), shows: ['filed', 'filed answer'] })
    const list = async (): Promise<JsonMap[]> =>
      maps(asMap(JSON.parse((await ask('/v1/videos?limit=100')).text))?.['data'])
    for (const end = Date.now() + 15_000; Date.now() < end; await setTimeout(200))
      if ((await list()).every(({ status }) => status === 'completed' || status === 'failed')) break
    for (const id of (await list()).map((film) => asText(film['id'])))
      for (const at of [`/v1/videos/${id}`, `/v1/videos/generations/${id}`]) {
        await ask(at)
        await ask(`${at}/content`)
      }
    for (const id of (await list()).map((film) => asText(film['id']))) {
      await ask(`/v1/videos/generations/${id}/cancel`, 'POST')
      await ask(`/v1/videos/${id}`, 'DELETE')
    }
  }
}

/** What the contract answers by and by. */
function streamed({ stage, url, keys, thorough }: Calling): Step[] {
  const prompt = stage.canaries.prompt.text
  const names = Object.keys(behaviours).filter((_name, at) => thorough || at % 4 === 0)
  return Object.entries(transports(url, keys)).flatMap(([protocol, transport]) => {
    const client = createClient(InferenceService, transport)
    return names.flatMap((name) => {
      const prompts = [{ kind: { case: 'text' as const, value: prompt } }]
      const text = { model: `completing/${name}`, prompts, user: prompt }
      const speech = { model: `openai/${name}`, input: prompt, voice: prompt }
      const args = { model: `openai/moderation-${name}`, args: { input: prompt } }
      const of = (what: string): string => `${what} of ${name} over ${protocol}`
      return [
        () => taken(stage, of('StreamGenerate'), GenerateEventSchema, client.streamGenerate(text)),
        () => taken(stage, of('Synthesize'), SynthesizeEventSchema, client.synthesize(speech)),
        () => taken(stage, of('StreamInfer'), InferEventSchema, client.streamInfer(args)),
      ]
    })
  })
}

async function taken<Schema extends DescMessage>(
  { evidence }: Stage,
  what: string,
  schema: Schema,
  answer: AsyncIterable<MessageShape<Schema>>,
): Promise<void> {
  try {
    for await (const event of answer) takeMessage(evidence, what, schema, event, shows)
  } catch (error) {
    takeError(evidence, what, error, shows)
  }
}
