import { asGatewayError, fail, type GatewayError } from '../error/index.ts'
import type { Logger } from '../provider/contract.ts'
import type { BatchFiles, BatchJob, BatchProblem, BatchRow, BatchStore, NewLine } from '../store/contract.ts'
import { LineChecker } from './check-line.ts'
import type { BatchSettings, FileKeeper, Places, Refusal } from './contract.ts'
import { cancelled, expired, problemOf } from './problems.ts'
import { readLines } from './read-lines.ts'
import { resultLines } from './results.ts'

/** What work on whole batches is done with. */
export interface JobParts {
  readonly store: BatchStore
  readonly files: FileKeeper
  readonly places: Places
  readonly refusal: Refusal
  readonly settings: BatchSettings
  readonly log: Logger
}

/** Lines that are written, closed or cleared in one transaction. */
const linesAtOnce = 500
/** Bytes of lines that are written in one transaction. */
const bytesAtOnce = 8 * 1024 * 1024
/** How often an input that cannot be had just now is tried, before the batch fails. */
const inputTries = 5
/** How often a batch may have been taken over before results that cannot be written elsewhere are left to its own files. */
const outputTries = 8

/** Another has taken the batch over, or it was cancelled: what is being done with it is nobody's any more. */
const lost = Symbol('lost')

/**
 * Does with a batch as a whole what is to be done next: reads its input, or closes what is left of it and writes its results. Whatever
 * is interrupted is done again by whoever takes over, and comes to the same. Never rejects.
 */
export async function workOn(job: BatchJob, parts: JobParts, signal: AbortSignal): Promise<void> {
  const { store, settings, log } = parts
  const { batch, fence } = job
  const lease = keepLease(job, parts, signal)
  try {
    if (batch.status === 'validating') await validate(job, parts, lease.signal)
    else await end(job, parts, lease.signal)
  } catch (thrown) {
    if (thrown === lost || lease.signal.aborted) {
      await giveBack(store, batch.id, fence, 0)
      return
    }
    log.error({ err: asGatewayError(thrown), batch: batch.id }, 'work on a batch failed, and will be tried again')
    await giveBack(store, batch.id, fence, settings.leaseMs)
  } finally {
    lease.end()
  }
}

/** Where that is not possible, the lease ends by itself. */
async function giveBack(store: BatchStore, id: string, fence: number, afterMs: number): Promise<void> {
  await store.renewJob(id, fence, Date.now() + afterMs).catch(() => undefined)
}

/** Renews the lease of a batch until that is ended. The signal is aborted when it is lost, or when the other is. */
function keepLease({ batch, fence }: BatchJob, { store, settings }: JobParts, stop: AbortSignal) {
  const gone = new AbortController()
  const renew = async (): Promise<void> => {
    // While the store does not answer nobody else gets the lease either.
    const kept = await store.renewJob(batch.id, fence, Date.now() + settings.leaseMs).catch(() => true)
    if (!kept) gone.abort(lost)
  }
  const timer = setInterval(() => void renew(), settings.leaseMs / 3).unref()
  return { signal: AbortSignal.any([gone.signal, stop]), end: () => clearInterval(timer) }
}

function must(done: boolean): void {
  if (!done) throw lost
}

// ---- the input

async function validate(job: BatchJob, parts: JobParts, signal: AbortSignal): Promise<void> {
  const { store } = parts
  const { batch, fence } = job
  try {
    const total = await readInput(job, parts, signal)
    if (total === 0) throw fail('invalid_request', 'the input has no lines')
  } catch (thrown) {
    if (thrown === lost || signal.aborted) throw thrown
    const error = asGatewayError(thrown)
    if (mayPass(error) && fence < inputTries) throw error
    must(await store.failBatch(batch.id, fence, inputProblem(error), Date.now()))
    return
  }
  must(await store.begin(batch.id, fence, Date.now()))
}

function mayPass({ reason }: GatewayError): boolean {
  return reason !== 'invalid_request' && reason !== 'not_found' && reason !== 'payload_too_large'
}

function inputProblem(error: GatewayError): BatchProblem {
  return error.reason === 'internal' ? { code: 'internal', message: 'the input could not be read' } : problemOf(error)
}

/** Writes the lines of the input to the store, and gives their number. */
async function readInput({ batch, fence }: BatchJob, parts: JobParts, signal: AbortSignal): Promise<number> {
  const { store, refusal, settings } = parts
  const checker = new LineChecker(refusal, batch.endpoint)
  let some: NewLine[] = []
  let bytes = 0
  let total = 0
  const write = async (): Promise<void> => {
    signal.throwIfAborted()
    if (some.length > 0) must(await store.addLines(batch.id, fence, some))
    some = []
    bytes = 0
  }
  const input = limited(openInput(batch, parts, signal), settings.mostBytes)
  for await (const read of readLines(input, settings.mostLineBytes)) {
    total += 1
    if (total > settings.mostLines)
      throw fail('payload_too_large', `the input has more than ${settings.mostLines} lines`)
    const line = checker.check(read)
    some.push(line)
    bytes += line.body.length
    if (some.length === linesAtOnce || bytes > bytesAtOnce) await write()
  }
  await write()
  return total
}

async function* openInput({ input, accountId }: BatchRow, { files, places }: JobParts, signal: AbortSignal) {
  if (input.includes('://')) yield* notTooSlowly(places.read(input, signal))
  else yield* (await files.open(input, [accountId])).read()
}

/** How slowly an input may come from elsewhere, after how long: whoever sends it could keep us waiting for ever. */
const slowest = { afterMs: 600_000, bytesPerMs: 8 }

async function* limited(bytes: AsyncIterable<Uint8Array>, most: number): AsyncGenerator<Uint8Array, void, void> {
  let read = 0
  for await (const piece of bytes) {
    read += piece.length
    if (read > most) throw fail('payload_too_large', `the input has more than ${most} bytes`)
    yield piece
  }
}

/** The same bytes, unless they come too slowly. What is done with them takes the time that it takes. */
async function* notTooSlowly(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  let read = 0
  let waited = 0
  const pieces = bytes[Symbol.asyncIterator]()
  try {
    for (;;) {
      const asked = performance.now()
      const step = await pieces.next()
      waited += performance.now() - asked
      if (step.done === true) return
      read += step.value.length
      if (waited > slowest.afterMs + read / slowest.bytesPerMs)
        throw fail('invalid_request', 'the input comes too slowly')
      yield step.value
    }
  } finally {
    await pieces.return?.()
  }
}

// ---- the end

async function end(job: BatchJob, parts: JobParts, signal: AbortSignal): Promise<void> {
  const { store, settings } = parts
  const { fence } = job
  const { id } = job.batch
  if (!(await closeLines(job, parts, signal))) {
    // Lines are still being worked on: what they come to is kept.
    await giveBack(store, id, fence, settings.pollMs)
    return
  }
  await writeFiles({ batch: await store.batch(id, 'all'), fence }, parts, signal)
  for (let last = 0; ;) {
    signal.throwIfAborted()
    const cleared = await store.clearLines(id, fence, last, linesAtOnce)
    if (cleared === undefined) throw lost
    if (cleared === last) break
    last = cleared
  }
  must(await store.finish(id, fence, Date.now()))
}

/** Lets the lines fail that were not worked on. False: others still are. */
async function closeLines({ batch, fence }: BatchJob, { store }: JobParts, signal: AbortSignal): Promise<boolean> {
  const problem = batch.status === 'cancelling' ? cancelled : expired
  for (;;) {
    signal.throwIfAborted()
    const step = await store.closeLines(batch.id, fence, problem, Date.now(), linesAtOnce)
    if (step === undefined) throw lost
    if (step.closed === 0) return step.running === 0
  }
}

/**
 * Writes what there is to write, and is not written yet. A file is the batch's as soon as it is there, so that whoever takes over does not
 * write it again; what is written for nobody, since another has taken over meanwhile, is removed.
 */
async function writeFiles({ batch, fence }: BatchJob, parts: JobParts, signal: AbortSignal): Promise<void> {
  const { store, files } = parts
  let { problem } = batch
  let kept: BatchFiles = batch
  const write = async (state: 'done' | 'failed', what: string, as: keyof BatchFiles): Promise<void> => {
    const name = `${batch.id}_${what}.jsonl`
    const lines = () => until(resultLines(store, batch.id, state), signal)
    problem ??= await copy({ batch, fence }, parts, name, lines(), signal)
    // They are as large as the answers are: a limit would never let the batch end.
    const about = { name, purpose: 'batch_output', mediaType: 'application/jsonl', maxBytes: Infinity }
    const { id } = await files.keep(batch.accountId, about, lines())
    kept = { ...kept, [as]: id }
    // Where this fails it may be the batch's file all the same, and stays.
    if (await store.keepFiles(batch.id, fence, kept, problem)) return
    await files.remove(id, [batch.accountId]).catch(() => undefined)
    throw lost
  }
  if (batch.completed > 0 && batch.outputFileId === '') await write('done', 'output', 'outputFileId')
  if (batch.failed > 0 && batch.errorFileId === '') await write('failed', 'error', 'errorFileId')
}

/** Writes results where the client wants them as well. Gives why it was given up: the batch ends all the same, and has its files. */
async function copy(
  { batch, fence }: BatchJob,
  { places, log }: JobParts,
  name: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<BatchProblem | undefined> {
  if (batch.outputPrefix === '') return undefined
  try {
    await places.write(batch.outputPrefix, name, bytes, signal)
    return undefined
  } catch (thrown) {
    if (thrown === lost || signal.aborted) throw thrown
    const error = asGatewayError(thrown)
    if (mayPass(error) && fence < outputTries) throw error
    log.error({ err: error, batch: batch.id }, 'the results of a batch cannot be written where they were wanted')
    return { code: 'output_not_written', message: `the results could not be written below ${batch.outputPrefix}` }
  }
}

async function* until(bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
  for await (const piece of bytes) {
    signal.throwIfAborted()
    yield piece
  }
}
