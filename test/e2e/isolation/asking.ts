import { setTimeout } from 'node:timers/promises'
import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  type Message,
  ScalarType,
  toJsonString,
} from '@bufbuild/protobuf'
import { reflect } from '@bufbuild/protobuf/reflect'
import { Code, ConnectError } from '@connectrpc/connect'
import type { Route, ServerDialect } from '../../../src/dialects/contract.ts'
import type { services } from '../../../src/server/policy.ts'
import { clientOf } from './tenants.ts'

type Service = (typeof services)[keyof typeof services]

/** What came of asking: a code, and everything that was said. */
export interface Heard {
  readonly code: string
  readonly text: string
}

/**
 * Ends a stream that says nothing more, when the gateway, which is in this process, has had its turn many times: were it a fixed time,
 * one that has no time to answer would seem to say nothing.
 */
async function stopLater(stop: AbortController): Promise<void> {
  for (let turn = 0; turn < 40; turn++) await setTimeout(15)
  stop.abort()
}

/** Calls any method with any message by the key, and takes what comes within a moment when it streams. */
export async function callMethod(url: string, token: string, method: DescMethod, message: Message): Promise<Heard> {
  const client = clientOf({ url }, method.parent as Service, token) as unknown as Record<string, Call>
  const call = client[method.localName]
  if (call === undefined) throw new Error(`there is no client for ${method.name}`)
  const stop = new AbortController()
  const heard: string[] = []
  try {
    const sent = method.methodKind === 'client_streaming' ? one(message) : message
    const answer = call(sent, { signal: stop.signal })
    if (Symbol.asyncIterator in answer) {
      void stopLater(stop)
      for await (const event of answer) heard.push(toJsonString(method.output, event))
    } else heard.push(toJsonString(method.output, await answer))
    return { code: 'ok', text: heard.join('\n') }
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error)
    // A stream of nothing was ended by us.
    if (stop.signal.aborted && code === Code.Canceled) return { code: 'ok', text: heard.join('\n') }
    return { code: Code[code], text: [...heard, rawMessage].join('\n') }
  }
}

type Call = (
  message: Message | AsyncIterable<Message>,
  options: { readonly signal: AbortSignal },
) => Promise<Message> | AsyncIterable<Message>

async function* one(message: Message): AsyncGenerator<Message, void, void> {
  yield message
}

/** Every message of a type that has this text in one of its text fields, however deep, and what validation asks for in the others. */
export function messagesWith(type: DescMessage, text: string): { readonly path: string; readonly message: Message }[] {
  return type.fields.flatMap((field) => {
    if (field.fieldKind === 'scalar' && field.scalar === ScalarType.STRING)
      return [{ path: field.name, message: filled(type, field, text) }]
    if (field.fieldKind === 'message' && field.message.typeName.startsWith('switchyard.'))
      return messagesWith(field.message, text).map(({ path, message }) => ({
        path: `${field.name}.${path}`,
        message: filled(type, field, message),
      }))
    return []
  })
}

function filled(type: DescMessage, field: DescField, value: string | Message): Message {
  const made = reflect(type)
  for (const other of type.fields) {
    if (other.fieldKind === 'scalar' && other.scalar === ScalarType.STRING && other.oneof === undefined)
      if (/^(?:id|id_or_name|name|model|provider)$/.test(other.name)) made.set(other, 'x')
  }
  made.set(field, typeof value === 'string' ? value : reflect(value.$typeName === '' ? type : fieldType(field), value))
  return made.message
}

function fieldType(field: DescField): DescMessage {
  if (field.fieldKind !== 'message') throw new Error(`${field.name} is no message`)
  return field.message
}

/** An empty message of a type. */
export function emptyOf(type: DescMessage): Message {
  return create(type)
}

/** Query parameters that any route may take. */
const parameters = ['provider', 'model', 'key', 'account', 'cursor', 'id']

/** Asks a route with a text in its path and in every query parameter in turn. */
export async function askRoute(url: string, token: string, route: Route, text: string): Promise<Heard[]> {
  const path = route.path.replaceAll(/:\w+|\*/g, encodeURIComponent(text))
  const queries =
    route.method === 'GET' ? ['', ...parameters.map((name) => `?${name}=${encodeURIComponent(text)}`)] : ['']
  return await Promise.all(queries.map((query) => askPath(url, token, route.method, `${path}${query}`)))
}

/** Asks a path, with an empty object for a body where the method takes one. */
export async function askPath(url: string, token: string, method: Route['method'], path: string): Promise<Heard> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(token !== '' && { authorization: `Bearer ${token}` }),
      'content-type': 'application/json',
      'x-request-id': 'isolation',
    },
    ...(method !== 'GET' && { body: '{}' }),
  })
  return { code: String(answer.status), text: await answer.text() }
}

/** Every route of every dialect that asks no model, and the paths of those that do. */
export function routesOf(dialects: readonly ServerDialect[]): Route[] {
  return dialects.flatMap(({ routes }) => [...routes])
}
