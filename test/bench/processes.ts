import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

/** A process under measurement. */
export interface Subject {
  readonly port: number
  readonly pid: number
  stop(): Promise<void>
}

/**
 * Starts `node FILE ARGS` and waits until `ready` finds its port in what it printed. Rejects when it ends before. With `log`, a
 * file descriptor, standard output goes there: whoever measures should not have to read it as well.
 */
export async function start(
  file: string,
  args: readonly string[],
  ready: RegExp,
  env: Record<string, string> = {},
  log?: number,
): Promise<Subject> {
  const child = spawn(process.execPath, [file, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', log ?? 'pipe', 'pipe'],
  })
  const port = await portOf(child, ready)
  return {
    port,
    pid: child.pid ?? 0,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve())
        child.kill('SIGKILL')
      }),
  }
}

function portOf(child: ChildProcess, ready: RegExp): Promise<number> {
  return new Promise((resolve, reject) => {
    let seen = ''
    const look = (data: Buffer): void => {
      if (seen.length > 100_000) return
      seen += data.toString()
      const found = ready.exec(seen)
      if (found?.[1] !== undefined) resolve(Number(found[1]))
    }
    child.stdout?.on('data', look)
    child.stderr?.on('data', look)
    child.once('exit', (code) => reject(new Error(`a process ended with ${code} before it was ready: ${seen}`)))
  })
}

const microsecondsPerTick = 10_000

/** User and system time of a process so far, in microseconds, as the kernel counts it (in steps of ten milliseconds). */
export function cpuMicroseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * microsecondsPerTick
}

/** Resident memory of a process in kilobytes. */
export function residentKilobytes(pid: number): number {
  const found = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(found?.[1] ?? 0)
}

/** Begins the search for the highest point of a process's resident memory anew. */
export function startPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** The most resident memory of a process in kilobytes since {@link startPeak}. */
export function peakResidentKilobytes(pid: number): number {
  const found = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(found?.[1] ?? 0)
}
