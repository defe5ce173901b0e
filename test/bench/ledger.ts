/**
 * What the ledger costs: the same gateway with it and without it, in one run and in turn. CPU time is that of all threads of the
 * process, until every row has reached the store.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { http1Load, latencies } from './load.ts'
import { cpuMicroseconds, type Subject } from './processes.ts'

/** One figure, with the ledger and without. */
export interface LedgerFigure {
  readonly name: string
  readonly unit: string
  readonly on: number
  readonly off: number
  /** The most that the ledger should add. */
  readonly aim?: number
}

/** How much is measured. */
export interface LedgerLoad {
  readonly request: Buffer
  readonly requests: number
  readonly connections: number
  readonly rounds: number
  readonly warmUps: number
}

/** Measures both, in turn. */
export async function measureLedger(on: Subject, off: Subject, load: LedgerLoad): Promise<LedgerFigure[]> {
  const { request, requests, connections, rounds, warmUps } = load
  const cpu = async (subject: Subject): Promise<number> => {
    const before = cpuMicroseconds(subject.pid)
    await http1Load(subject.port, request, requests, connections)
    await emptySpool(subject)
    return (cpuMicroseconds(subject.pid) - before) / requests
  }
  const alone = (subject: Subject): Promise<number[]> => latencies(subject.port, request, Math.ceil(requests / 12), 1)
  const together = (subject: Subject): Promise<number[]> => latencies(subject.port, request, requests, connections)
  const runs: Record<string, { on: number[]; off: number[] }> = {}
  const keep = (name: string, which: 'on' | 'off', figure: number): void => {
    runs[name] ??= { on: [], off: [] }
    runs[name][which].push(figure)
  }
  for (let round = 0; round < warmUps + rounds; round++) {
    for (const [which, subject] of [
      ['on', on],
      ['off', off],
    ] as const) {
      const used = await cpu(subject)
      const [one, many] = [await alone(subject), await together(subject)]
      await emptySpool(subject)
      if (round < warmUps) continue
      keep('cpu', which, used)
      keep('p50 1', which, at(one, 0.5))
      keep('p99 1', which, at(one, 0.99))
      keep('p50 n', which, at(many, 0.5))
      keep('p99 n', which, at(many, 0.99))
    }
  }
  const figure = (key: string, name: string, unit: string, aim?: number): LedgerFigure => ({
    name,
    unit,
    on: at(runs[key]?.on ?? [], 0.5),
    off: at(runs[key]?.off ?? [], 0.5),
    ...(aim !== undefined && { aim }),
  })
  return [
    figure('cpu', `whole call, ${connections} connections`, 'us CPU', 15),
    figure('p50 1', 'p50, 1 connection', 'us', 1000),
    figure('p99 1', 'p99, 1 connection', 'us'),
    figure('p50 n', `p50, ${connections} connections`, 'us', 1000),
    figure('p99 n', `p99, ${connections} connections`, 'us'),
  ]
}

/** Prints the figures and what the ledger adds. */
export function printLedger(figures: readonly LedgerFigure[]): void {
  const line = (words: readonly string[]): string =>
    `${words[0]?.padEnd(38)}${words
      .slice(1)
      .map((word) => word.padStart(10))
      .join('')}\n`
  process.stdout.write(`\n${line(['what the ledger costs', 'with', 'without', 'added', 'aim', 'unit'])}`)
  for (const { name, unit, on, off, aim } of figures)
    process.stdout.write(
      line([name, on.toFixed(1), off.toFixed(1), (on - off).toFixed(1), aim?.toFixed(0) ?? '', unit]),
    )
}

function at(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Waits until nothing is in the spool any more. */
async function emptySpool({ port }: Subject): Promise<void> {
  for (;;) {
    await sleep(100)
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    const waiting = /^switchyard_ledger_spool_rows\{kind="waiting"\} (\d+)$/m.exec(metrics)
    if (waiting?.[1] === '0') return
  }
}
