import { z } from 'zod'
import { type CallContext, type ChatRequest, definePlugin, fail, type Host, textDelta } from '#provider'

/*
 * A plugin that does everything a plugin should not: it throws what libraries throw, with keys and prompts in the words and in the fields
 * of errors, logs them, and ends the process. The model's name says what it does.
 */

/** Gives what is answered, if it does. */
type Wild = (error: Error, context: CallContext, host: Host) => string

function wordsOf(request: ChatRequest, { credential }: CallContext): string {
  const texts = request.messages.flatMap(({ parts }) =>
    parts.map(({ kind }) => (kind.case === 'text' ? kind.value.text : '')),
  )
  return `the key ${credential?.secret.reveal()} did not like ${texts.join(', ')}`
}

const deeds: Readonly<Record<string, Wild>> = {
  throws(error) {
    throw error
  },
  'throws-late'(error) {
    throw error
  },
  'throws-text'({ message }) {
    throw message
  },
  'throws-of-ours'(cause) {
    throw fail('provider_error', 'it failed', { cause })
  },
  'throws-a-type-error'({ message }) {
    return 'x' in (message as unknown as object) ? 'there is one' : 'there is none'
  },
  'throws-what-it-could-not-read'({ message }) {
    return String(JSON.parse(`{"answer": ${message}`))
  },
  logs(error, context, host) {
    for (const { log } of [context, host]) {
      log.error({ err: error }, 'it failed')
      log.warn({ error }, 'it failed')
      log.debug({ err: error.cause }, 'it failed')
    }
    return 'well'
  },
  ends(error) {
    setImmediate(() => {
      throw error
    })
    return 'well'
  },
}

export default definePlugin({
  manifest: { type: 'wild', contract: 'switchyard.v1', title: 'Wild', models: [], settings: z.strictObject({}) },
  create: (_settings, host) => ({
    async *chat(request, context) {
      const message = wordsOf(request, context)
      const headers = { authorization: `Bearer ${context.credential?.secret.reveal()}` }
      const fields = {
        config: { headers, data: message },
        code: message,
        requestBodyValues: request.messages.length,
        message,
      }
      const error = Object.assign(new Error(message, { cause: new TypeError(message) }), fields)
      if (request.model === 'throws-late') yield textDelta('well begun')
      yield textDelta(deeds[request.model]?.(error, context, host) ?? 'nothing')
    },
    async *listModels() {
      yield* []
      throw new Error('there are none')
    },
  }),
})

/** What it can be asked to do without ending the process. */
export const wildModels = Object.keys(deeds).filter((name) => name !== 'ends')
