import { hash } from 'node:crypto'

/** What a vendor calls or counts otherwise, in the client's own words as well as in translated ones. */
export interface Adaptation {
  /** Body fields that have another name at the vendor; null for one that the vendor refuses and that would change nothing there. */
  readonly renames?: Readonly<Record<string, string | null>>
  /** The length of the ids of tool calls, letters and digits, where the vendor takes no others. */
  readonly callIdLength?: number
}

type Body = Record<string, unknown>

/** The text of a body adapted to its vendor; the very text where there is nothing to adapt. */
export function adaptText(text: string, adaptation: Adaptation): string {
  if (adaptation.renames === undefined && adaptation.callIdLength === undefined) return text
  const body = JSON.parse(text) as Body
  const adapted = JSON.stringify(adaptBody(body, adaptation))
  return adapted === JSON.stringify(body) ? text : adapted
}

/** The body adapted to its vendor. */
export function adaptBody(body: Body, { renames = {}, callIdLength }: Adaptation): Body {
  const adapted: Body = {}
  for (const [name, value] of Object.entries(body)) {
    const known = Object.hasOwn(renames, name) ? renames[name] : name
    if (known !== null && known !== undefined) adapted[known] = value
  }
  if (callIdLength === undefined || !Array.isArray(adapted['messages'])) return adapted
  return { ...adapted, messages: adapted['messages'].map((message) => adaptMessage(message, callIdLength)) }
}

function adaptMessage(message: unknown, length: number): unknown {
  if (!isBody(message)) return message
  const calls = message['tool_calls']
  const answered = message['tool_call_id']
  return {
    ...message,
    ...(typeof answered === 'string' && { tool_call_id: callId(answered, length) }),
    ...(Array.isArray(calls) && { tool_calls: calls.map((call) => adaptCall(call, length)) }),
  }
}

function adaptCall(call: unknown, length: number): unknown {
  return isBody(call) && typeof call['id'] === 'string' ? { ...call, id: callId(call['id'], length) } : call
}

function isBody(value: unknown): value is Body {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** An id of the vendor's own as it is; any other replaced by one made from it, so that a call and its result still match. */
function callId(id: string, length: number): string {
  if (id.length === length && /^[A-Za-z0-9]+$/.test(id)) return id
  return BigInt(`0x${hash('sha256', id)}`)
    .toString(36)
    .slice(0, length)
}
