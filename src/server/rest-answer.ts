import type { CallInput, Cancellable, Core, OpenedCall } from '../core/contract.ts'
import { timedOut } from '../core/deadline.ts'
import type { Served } from '../dialects/contract.ts'
import type { AskOf, KeptFiles, OperationName, Operations, StreamedAnswer, WholeAnswer } from '../dialects/operation.ts'
import { asGatewayError, fail, type GatewayError } from '../error/index.ts'
import type { GivenAnswer } from '../idempotency/once.ts'
import type { Turn } from '../idempotency/turn.ts'
import type { NodeResponse } from './guard.ts'
import type { OpenCalls } from './open-calls.ts'
import { cutOff, isGone, type Reply } from './reply.ts'

/** What answering calls over HTTP needs. */
export interface AnswerEdgeOptions {
  readonly core: Core
  /** Milliseconds a client may leave what was written to it unread. */
  readonly writeMs: number
  /** Calls that are open, so that a stop can end them. */
  readonly open: OpenCalls
}

/** What is known of a request beside its question. */
export type Known = Omit<CallInput<OperationName>, 'request' | 'streaming'>

/**
 * Has a model asked, and writes its answer as it comes. What has a turn is kept before its client can see the end of it. Throws a
 * `GatewayError` for what failed before anything was written.
 */
export async function answer<Name extends OperationName>(
  options: AnswerEdgeOptions,
  ask: AskOf<Name>,
  known: Known,
  reply: Reply,
  response: NodeResponse,
  turn: Turn | undefined,
): Promise<void> {
  const { answer: _, operation, dropped: beside = [], ...question } = ask
  const call = options.core.call(operation, { ...question, ...known })
  const leave = (): void => {
    if (!response.writableEnded) call.cancel(clientLeft())
  }
  response.once('close', leave)
  if (isGone(response)) leave()
  const place = options.open.add(call)
  try {
    const answered = await call.open()
    const opened = beside.length === 0 ? answered : { ...answered, dropped: [...beside, ...answered.dropped] }
    if (ask.streaming) await stream(opened, ask.answer, reply, response, call, options.writeMs, turn)
    else await whole(opened, ask.answer, reply, turn, () => options.core.surface(known.principal).files)
    watchEnd(response, options.writeMs)
  } catch (thrown) {
    // Whatever failed between the provider and the client, the call is over.
    call.cancel(asGatewayError(thrown))
    reply.asked = call.asked
    throw thrown
  } finally {
    options.open.remove(place)
    response.off('close', leave)
  }
}

/** Writes an answer that was given before. */
export function giveAgain(given: GivenAnswer, reply: Reply, response: NodeResponse, writeMs: number): void {
  reply.again(given)
  watchEnd(response, writeMs)
}

async function whole<Name extends OperationName>(
  opened: OpenedCall<Name>,
  encoder: WholeAnswer<Name>,
  reply: Reply,
  turn: Turn | undefined,
  files: () => KeptFiles,
): Promise<void> {
  const { served, dropped } = opened
  const given = await opened.whole()
  // A client that left may come again with the key.
  if (!reply.open && turn === undefined) return
  const response = encoder.prepare === undefined ? given : await encoder.prepare(given, files())
  const written = encoder.whole(response, served)
  const json = typeof written === 'string'
  const answered = json ? reply.json(200, written, served, dropped) : reply.payload(written, served, dropped)
  await turn?.keepWhole(answered)
  if (reply.open) reply.send(answered)
}

async function stream<Name extends OperationName>(
  { events, first, served, dropped }: OpenedCall<Name>,
  encoder: StreamedAnswer<Name>,
  reply: Reply,
  response: NodeResponse,
  call: Cancellable,
  writeMs: number,
  turn: Turn | undefined,
): Promise<void> {
  const headers = reply.stream(served, dropped, encoder.contentTypeOf?.(first) ?? encoder.contentType)
  turn?.head(200, headers)
  let lost: GatewayError | undefined
  try {
    for await (const batch of events) {
      const written = encoded(encoder, batch, served, call)
      if (written.length === 0) continue
      turn?.add(written)
      if (lost === undefined && !write(response, written)) lost = await drained(response, writeMs)
      // What is complete by now is complete for a client that comes again, too; anything else ends here.
      if (lost !== undefined) call.cancel(clientLeft())
    }
  } catch (thrown) {
    const error = lost ?? asGatewayError(thrown)
    call.cancel(error)
    await turn?.giveBack()
    const words = isStalled(error) ? undefined : encoder.fail(error)
    if (words === undefined) cutOff(response)
    else if (reply.open) response.end(words)
    return
  }
  const end = encoder.end()
  turn?.add(end)
  await turn?.keep()
  if (lost !== undefined && isStalled(lost)) cutOff(response)
  else if (reply.open) response.end(end)
}

function isStalled({ details }: GatewayError): boolean {
  return details.timer === 'write'
}

/** Why a call ends whose client is gone. */
export function clientLeft(): GatewayError {
  return fail('client_closed', 'the client left before the answer was complete')
}

/** The events as they are written. What goes wrong here is told to the call before its events are left, which would look like a client that did. */
function encoded<Name extends OperationName>(
  encoder: StreamedAnswer<Name>,
  batch: readonly Operations[Name]['event'][],
  served: Served,
  call: Cancellable,
): string | Uint8Array {
  try {
    return encoder.events(batch, served)
  } catch (thrown) {
    call.cancel(asGatewayError(thrown))
    throw thrown
  }
}

/** Cuts a client off that leaves the end of its answer unread, for which nothing else waits any more. A slow reader is none. */
function watchEnd(response: NodeResponse, milliseconds: number): void {
  if (response.writableLength === 0 || isGone(response)) return
  ;(response as { setTimeout(after: number, then: () => void): unknown }).setTimeout(milliseconds, () => {
    response.destroy()
  })
}

/** The two kinds of response write alike, but their overloads do not unite. */
function write(response: NodeResponse, written: string | Uint8Array): boolean {
  return (response as { write(written: string | Uint8Array): boolean }).write(written)
}

/** Waits until the client took what was written, or gives why it does not: `timeout` (write) when it stalls, `client_closed` when it left. */
function drained(response: NodeResponse, milliseconds: number): Promise<GatewayError | undefined> {
  return new Promise((resolve) => {
    const settle = (error?: GatewayError): void => {
      clearTimeout(timer)
      response.off('drain', onDrain)
      response.off('close', onClose)
      resolve(error)
    }
    const onDrain = (): void => settle()
    const onClose = (): void => settle(clientLeft())
    const timer = setTimeout(() => settle(timedOut('write')), milliseconds)
    response.once('drain', onDrain)
    response.once('close', onClose)
    if (isGone(response)) onClose()
  })
}
