import type { ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'

/** An escape in JSON text that may be half of a surrogate pair: the only way in which half a character can arrive. */
const mayHoldHalf = /\\u[dD][89a-fA-F]/

/**
 * Makes the texts of one answer Unicode, as the contract has them. Upstreams that count in UTF-16 units may cut a character in two
 * between one piece of a text and the next: the first half waits for the second. A half that stays alone becomes U+FFFD.
 */
export class HalfPairs {
  /** First halves, by the text they belong to. */
  readonly #waiting = new Map<string, string>()
  /** True once there was a half: it may be told much later. */
  #suspicious = false

  /** The events read from a JSON text, with whole characters; they are changed in place. */
  mend(events: ChatEvent[], text: string): ChatEvent[] {
    // Few texts have an escape, and to look for one is a fifth of the price.
    this.#suspicious ||= text.includes('\\u') && mayHoldHalf.test(text)
    if (!this.#suspicious) return events
    for (const event of events) {
      this.#join(event)
      makeWellFormed(event.event.value)
    }
    return events
  }

  #join({ event, choice }: ChatEvent): void {
    switch (event.case) {
      case 'textDelta':
      case 'reasoningDelta':
      case 'refusalDelta':
        event.value.text = this.#joined(`${event.case} ${choice}`, event.value.text)
        return
      case 'toolCallDelta': {
        const { index, argumentsJson } = event.value
        event.value.argumentsJson = this.#joined(`${event.case} ${choice} ${index}`, argumentsJson)
        return
      }
      case 'audioDelta':
        event.value.transcript = this.#joined(`${event.case} ${choice}`, event.value.transcript)
        return
      default:
    }
  }

  /** A piece of a text, with the half that waited before it and without the one that now waits. */
  #joined(key: string, piece: string): string {
    if (piece === '') return piece
    const text = (this.#waiting.get(key) ?? '') + piece
    this.#waiting.delete(key)
    const last = text.charCodeAt(text.length - 1)
    if (last < 0xd800 || last > 0xdbff) return text
    this.#waiting.set(key, text.slice(-1))
    return text.slice(0, -1)
  }
}

/** Replaces every half of a pair in the strings of a message, in place. */
function makeWellFormed(value: unknown): void {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return
  const members = value as Record<string, unknown>
  for (const name of Object.keys(members)) {
    const member = members[name]
    if (typeof member === 'string') members[name] = member.toWellFormed()
    else makeWellFormed(member)
    if (name.isWellFormed()) continue
    members[name.toWellFormed()] = members[name]
    Reflect.deleteProperty(members, name)
  }
}
