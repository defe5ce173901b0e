import type { Batch } from '#gen/switchyard/v1/batch_pb.ts'
import { batchStatusWord } from '../dialects/batch-status.ts'
import { bar, printable } from './table.ts'

const barWidth = 24

/** Shows how a batch gets on: on a terminal in one line that changes, elsewhere in a line for each change. */
export class BatchProgress {
  readonly #stdout: Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns'>
  #last = ''

  constructor(stdout: Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns'>) {
    this.#stdout = stdout
  }

  /** How it is now. */
  show(batch: Batch): void {
    const line = this.#stdout.isTTY ? this.#cut(`${drawn(batch)}  ${words(batch)}`) : words(batch)
    if (line === this.#last) return
    this.#last = line
    this.#stdout.write(this.#stdout.isTTY ? `\r\u001B[K${line}` : `${line}\n`)
  }

  /** It has ended: where its results are, or why there are none. */
  end({ outputFileId, errorFileId, errorReason, errorMessage }: Batch): void {
    this.leave()
    if (outputFileId !== '') this.#stdout.write(`output ${printable(outputFileId)}\n`)
    if (errorFileId !== '') this.#stdout.write(`errors ${printable(errorFileId)}\n`)
    if (errorReason !== '') this.#stdout.write(`${printable(errorReason)}: ${printable(errorMessage)}\n`)
  }

  /** Leaves the line that changes. */
  leave(): void {
    if (this.#stdout.isTTY && this.#last !== '') this.#stdout.write('\n')
  }

  /** A line that is wider than the terminal would not be written over. */
  #cut(line: string): string {
    return line.slice(0, Math.max(20, (this.#stdout.columns ?? 80) - 1))
  }
}

function drawn({ total, completed, failed }: Batch): string {
  const share = total === 0n ? 0 : Number(completed + failed) / Number(total)
  const percent = `${Math.floor(share * 100)} %`
  return `${bar(share, barWidth).padEnd(barWidth)} ${percent.padStart(5)}`
}

function words({ status, total, completed, failed }: Batch): string {
  const some = failed === 0n ? '' : `, ${failed} failed`
  return `${batchStatusWord(status) ?? ''}: ${completed + failed} of ${total}${some}`
}
