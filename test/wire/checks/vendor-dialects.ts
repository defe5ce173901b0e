import type { JsonMap, WireCase } from '../case.ts'
import type { NativeFormat } from '../format.ts'
import type { NativeVerdict } from '../native.ts'
import { type HttpAnswer, post } from './http.ts'
import { type Line, modelName, plainTurn } from './probe.ts'

/** A case of a format other than chat completions, with what is known of it before the gateway is asked. */
export interface NativeSubject {
  readonly wireCase: WireCase
  readonly format: NativeFormat
  readonly verdict: NativeVerdict
  readonly streaming: boolean
}

/** The dialects of vendors that a client can ask in. */
export const vendorDialects = ['openai', 'anthropic', 'gemini', 'responses'] as const

/** One of them. */
export type VendorDialect = (typeof vendorDialects)[number]

/** Those headers of a recorded request that are part of what it asks for. */
export function headersOf(recorded: Readonly<Record<string, string>>): Record<string, string> {
  const all = Object.entries(recorded).map(([name, value]) => [name.toLowerCase(), value] as const)
  return Object.fromEntries(all.filter(([name]) => name === 'anthropic-version' || name === 'anthropic-beta'))
}

/** Asks in a dialect, with a body in its format and the headers recorded with it, or with one plain turn. */
export function askIn(
  dialect: VendorDialect,
  line: Line,
  streaming: boolean,
  recorded?: JsonMap,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  const model = modelName(line)
  const flag = streaming ? { stream: true } : {}
  switch (dialect) {
    case 'openai': {
      const options = streaming ? { stream_options: { include_usage: true } } : {}
      return post(line, '/v1/chat/completions', { messages: plainTurn, ...flag, ...options, model })
    }
    case 'anthropic': {
      const body = recorded ?? { max_tokens: 9, messages: plainTurn, ...flag }
      return post(line, '/v1/messages', { ...body, model }, headersOf(headers))
    }
    case 'responses':
      return post(line, '/v1/responses', { ...(recorded ?? { input: plainTurn, ...flag }), model })
    case 'gemini': {
      const contents = [{ role: 'user', parts: [{ text: 'Say what was recorded.' }] }]
      const verb = streaming ? 'streamGenerateContent?alt=sse' : 'generateContent'
      const path = `/v1beta/models/${model.split('/').map(encodeURIComponent).join('/')}:${verb}`
      return post(line, path, recorded ?? { contents })
    }
    default:
      return dialect satisfies never
  }
}
