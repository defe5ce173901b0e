import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { keepInCorpus } from './corpus.ts'
import { targetNames } from './targets.ts'
import type { Job, News } from './worker.ts'

/** Milliseconds that one input may take, however slow the machine: then the decoder hangs. */
const longest = 60_000
/** Megabytes that a decoder may fill. */
const mostMemory = 700

const usage = `usage: npm run fuzz -- DECODER [--seed N] [--seconds N] [--keep-going]\ndecoders: ${targetNames.join(' ')}\n`

/**
 * Fuzzes one decoder in a thread of its own, so that one that never returns, or fills the memory, is found as well. Every finding is
 * written to the corpus. Exits with 1 when there is one.
 */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: 'string' },
      seconds: { type: 'string', default: process.env['FUZZ_SECONDS'] ?? '60' },
      'keep-going': { type: 'boolean', default: false },
    },
  })
  const [name = ''] = positionals
  if (!(targetNames as readonly string[]).includes(name)) {
    process.stderr.write(usage)
    return 2
  }
  const seed = values.seed === undefined ? Math.trunc(Math.random() * 0x7fff_0000) : Number(values.seed)
  const job: Job = { name, seed, seconds: Number(values.seconds), keepGoing: values['keep-going'], trace: false }
  const ending = await run(job)
  if (ending.kind === 'stuck') await findStuck(job, ending)
  if (ending.kind === 'crash') process.stdout.write(`${name}: the fuzzer itself failed\n${ending.message}\n`)
  return ending.kind === 'done' && ending.findings === 0 ? 0 : 1
}

/** How a job ended: with what it found, by no end of an input, or by a fault of the fuzzer. */
type Ending =
  | { readonly kind: 'done'; readonly findings: number }
  | { readonly kind: 'crash'; readonly message: string }
  | { readonly kind: 'stuck'; readonly why: string; readonly seed: number; readonly input: string | undefined }

/** Runs a job and tells what it finds. */
async function run(job: Job): Promise<Ending> {
  const progress = new Int32Array(new SharedArrayBuffer(8))
  const worker = new Worker(new URL('worker.ts', import.meta.url), {
    workerData: { ...job, progress },
    resourceLimits: { maxOldGenerationSizeMb: mostMemory },
  })
  let input: string | undefined
  let watch: NodeJS.Timeout | undefined
  const ending = await new Promise<Ending>((resolve) => {
    const stuck = (why: string): void => resolve({ kind: 'stuck', why, seed: Atomics.load(progress, 1), input })
    watch = watchdog(progress, () => stuck('an input never came to its end'))
    worker.on('error', (error) => stuck(String(error)))
    worker.on('message', (news: News) => {
      if (news.kind === 'input') input = news.written
      if (news.kind === 'done' || news.kind === 'finding') tell(job, news)
      if (news.kind === 'done' || news.kind === 'crash') resolve(news)
    })
  })
  clearInterval(watch)
  await worker.terminate()
  return ending
}

/** The same again, with every input told before it is checked, to know the one that was the last. */
async function findStuck(job: Job, { why, seed }: Extract<Ending, { kind: 'stuck' }>): Promise<void> {
  process.stdout.write(`${job.name}: ${why}\nrepeat: npm run fuzz -- ${job.name} --seed ${seed}\n`)
  const again = await run({ ...job, seed, trace: true })
  if (again.kind === 'stuck' && again.input !== undefined)
    process.stdout.write(`kept as ${keepInCorpus(job.name, again.input)}\n`)
}

function watchdog(progress: Int32Array, bark: () => void): NodeJS.Timeout {
  let before = -1
  let since = performance.now()
  return setInterval(() => {
    const now = Atomics.load(progress, 0)
    if (now !== before) since = performance.now()
    before = now
    if (performance.now() - since > longest) bark()
  }, 500)
}

function tell({ name }: Job, news: Extract<News, { kind: 'done' | 'finding' }>): void {
  if (news.kind === 'done') {
    const { runs, seconds, cpu, seed } = news
    process.stdout.write(
      `${name}: ${runs} inputs in ${seconds} s (${cpu} s of CPU), seed ${seed}, ${news.findings} found\n`,
    )
    return
  }
  process.stdout.write(`${name}: ${news.message}\nrepeat: npm run fuzz -- ${name} --seed ${news.seed}\n`)
  process.stdout.write(`${news.written.slice(0, 2000)}\nkept as ${keepInCorpus(name, news.written)}\n\n`)
}

process.exit(await main())
