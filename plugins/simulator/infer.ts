import { type CallContext, type InferEventInit, inferredChunk, type InferRequest, usage } from '#provider'
import { failAtOnce, suffer } from './faults.ts'
import { readModel } from './models.ts'
import { pace } from './pace.ts'
import { tokensOf } from './tokens.ts'

type Batch = readonly InferEventInit[]
type Args = NonNullable<InferRequest['args']>

/**
 * Says what it was asked. In a stream each argument is a chunk of its own; a model with a fault says as many as it does before it, and has
 * it then.
 */
export async function* infer(
  { model, operation, args = {} }: InferRequest,
  { signal, streaming }: CallContext,
): AsyncGenerator<Batch, void, void> {
  const { fault, tokensPerSecond } = readModel(model)
  signal.throwIfAborted()
  await failAtOnce(fault, signal)
  const asked = { simulated: true, model, ...(operation !== '' && { operation }) }
  const pieces = Object.entries(args).map(([name, value]) => [inferredChunk({ ...asked, args: { [name]: value } })])
  const batches = streaming && pieces.length > 0 ? pieces : [[inferredChunk({ ...asked, args })]]
  if (fault !== undefined) {
    const after = 'after' in fault ? fault.after : 0
    if (streaming) yield* pace(batches.slice(0, after), tokensPerSecond, signal)
    await suffer(fault, signal)
  }
  yield* pace(batches, tokensPerSecond, signal)
  const read = countOf(args)
  yield [{ event: { case: 'usage', value: usage({ inputTokens: read, outputTokens: read }) } }]
}

function countOf(args: Args): number {
  return tokensOf(JSON.stringify(args)).length
}
