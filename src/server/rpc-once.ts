import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import { sizeDelimitedDecodeStream, sizeDelimitedEncode } from '@bufbuild/protobuf/wire'
import type { HandlerContext } from '@connectrpc/connect'
import { createAsyncIterable } from '@connectrpc/connect/protocol'
import { canonicalText } from '../idempotency/canonical.ts'
import { Fingerprint } from '../idempotency/fingerprint.ts'
import { keyHeader, readKey } from '../idempotency/key.ts'
import { onceName } from '../idempotency/name.ts'
import type { GivenAnswer, Once } from '../idempotency/once.ts'
import { Turn } from '../idempotency/turn.ts'
import { isAnsweredOnce } from './policy.ts'
import { callOf, principalOf, type RpcCall } from './rpc-call.ts'

type Message = MessageShape<DescMessage>
type Unary = (request: Message, context: HandlerContext) => Promise<Message>
type Streaming = (request: Message, context: HandlerContext) => AsyncIterable<Message>

/**
 * The same handlers, but that calls which name an idempotency key in their metadata are answered once, where the method is one of those:
 * a repeat, in whichever protocol, gets the same messages.
 */
export function answeredOnce<Handlers extends object>(
  service: DescService,
  handlers: Handlers,
  once: Once | undefined,
): Handlers {
  if (once === undefined) return handlers
  const entries = Object.entries(handlers).map(([name, handler]: [string, unknown]) => {
    const method = service.method[name]
    if (method === undefined || !isAnsweredOnce(method)) return [name, handler]
    const plain = handler as Unary & Streaming
    const keyed = method.methodKind === 'unary' ? unaryOnce(once, method, plain) : streamOnce(once, method, plain)
    // A call without a key goes its way as if there were none.
    const either = (request: Message, context: HandlerContext) =>
      context.requestHeader.has(keyHeader) ? keyed(request, context) : plain(request, context)
    return [name, either]
  })
  return Object.fromEntries(entries) as Handlers
}

function unaryOnce(once: Once, method: DescMethod, handler: Unary): Unary {
  return async (request, context) => {
    const found = await begin(once, method, request, context)
    if (!(found instanceof Turn)) {
      giveHead(found, context)
      return fromBinary(method.output, found.body)
    }
    try {
      const answer = create(method.output, await handler(request, context))
      const headers = keptHead(context, callOf(context.values))
      await found.keepWhole({ status: 200, headers, body: toBinary(method.output, answer) })
      return answer
    } catch (thrown) {
      await found.giveBack()
      throw thrown
    }
  }
}

function streamOnce(once: Once, method: DescMethod, handler: Streaming): Streaming {
  return async function* stream(request, context) {
    const found = await begin(once, method, request, context)
    if (found instanceof Turn) yield* copied(method, handler(request, context), context, found)
    else {
      giveHead(found, context)
      yield* sizeDelimitedDecodeStream(method.output, createAsyncIterable([found.body]))
    }
  }
}

/** The turn of a call that names a key, or the answer it had before. Throws as `Once.begin` does, and `invalid_request` for a bad key. */
async function begin(
  once: Once,
  method: DescMethod,
  request: Message,
  context: HandlerContext,
): Promise<Turn | GivenAnswer> {
  const key = readKey(context.requestHeader.get(keyHeader) ?? '')
  const strict = context.requestHeader.get('x-switchyard-strict') === 'true'
  const print = new Fingerprint([
    method.toString(),
    canonicalText(method.input, request),
    ...(strict ? ['strict'] : []),
  ])
  return await once.begin(onceName(principalOf(callOf(context.values)), key), print.digits())
}

/** The messages as they come; they are kept when all of them have been given, before the end is. */
async function* copied(
  method: DescMethod,
  answer: AsyncIterable<Message>,
  context: HandlerContext,
  turn: Turn,
): AsyncGenerator<Message, void, void> {
  const call = callOf(context.values)
  const messages = answer[Symbol.asyncIterator]()
  const over = { complete: false, failed: false }
  const next = async (): Promise<IteratorResult<Message>> => {
    try {
      const step = await messages.next()
      if (step.done === true) over.complete = true
      else turn.add(sizeDelimitedEncode(method.output, step.value))
      return step
    } catch (thrown) {
      over.failed = true
      throw thrown
    }
  }
  try {
    for (let step = await next(); step.done !== true; step = await next()) yield step.value
  } finally {
    // A call whose client left is cancelled, unless it was over: then what is left of it is here.
    while (!over.complete && !over.failed && call.clientGone.aborted) await next().catch(() => undefined)
    if (over.complete) {
      turn.head(200, keptHead(context, call))
      await turn.keep()
    } else {
      await messages.return?.()
      await turn.giveBack()
    }
  }
}

const droppedHeader = 'x-switchyard-dropped'

function keptHead({ responseHeader }: HandlerContext, { requestId }: RpcCall): Record<string, string> {
  const dropped = responseHeader.get(droppedHeader)
  return { 'x-request-id': requestId, ...(dropped !== null && { [droppedHeader]: dropped }) }
}

/** The head of an answer that was given before, under the id that it had then. */
function giveHead({ headers }: GivenAnswer, { responseHeader, values }: HandlerContext): void {
  const { 'x-request-id': requestId, ...others } = headers
  callOf(values).answeredAs = requestId
  responseHeader.set('idempotent-replayed', 'true')
  for (const [name, value] of Object.entries(others)) responseHeader.set(name, value)
}
