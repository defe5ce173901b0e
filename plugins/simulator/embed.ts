import { hash } from 'node:crypto'
import { type CallContext, type EmbedInit, type EmbedRequest, fail, refuseDropped, usage } from '#provider'
import { failFirst } from './faults.ts'
import { numbers, tokensOf } from './tokens.ts'

/** How long a vector is when nobody says. */
const usualLength = 256
/** The longest one. */
const mostDimensions = 4096

/** Vectors of length one, equal for equal inputs, whichever model is asked: of every text there is, in some direction of its own. */
export async function embed(request: EmbedRequest, { signal }: CallContext): Promise<EmbedInit> {
  const { dimensions = usualLength, inputs, purpose, source } = request
  const dropped = [...(source?.untranslated ?? []), ...(purpose === undefined ? [] : ['purpose'])]
  refuseDropped(request, dropped)
  await failFirst(request.model, signal)
  if (dimensions > mostDimensions)
    throw fail('invalid_request', `a simulated vector has at most ${mostDimensions} dimensions`, {
      param: 'dimensions',
    })
  return {
    model: request.model,
    embeddings: inputs.map((input, index) => ({ index, values: vectorOf(wordsOf(input), dimensions) })),
    usage: usage({ inputTokens: inputs.reduce((sum, input) => sum + lengthOf(input), 0) }),
    dropped,
  }
}

type Input = EmbedRequest['inputs'][number]

function wordsOf({ kind }: Input): string {
  return kind.case === 'tokens' ? JSON.stringify(kind.value.ids) : (kind.value ?? '')
}

function lengthOf({ kind }: Input): number {
  return kind.case === 'tokens' ? kind.value.ids.length : tokensOf(kind.value ?? '').length
}

function vectorOf(text: string, dimensions: number): number[] {
  const random = numbers(Number.parseInt(hash('sha256', text).slice(0, 8), 16))
  const direction = Array.from({ length: dimensions }, () => random() * 2 - 1)
  const length = Math.hypot(...direction) || 1
  return direction.map((value) => Math.fround(value / length))
}
