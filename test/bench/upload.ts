/**
 * What an upload costs in memory: a recording that is too large and refused, and one that goes on to an upstream; with its length
 * declared, and without. The reference reads bodies into memory. Each figure is of a process of its own.
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { open } from './load.ts'
import { peakResidentKilobytes, residentKilobytes, startPeak, type Subject } from './processes.ts'

/** Megabytes that one kind of upload adds to a process at most. */
export interface UploadFigure {
  readonly name: string
  readonly gateway: number
  readonly reference: number
  /** What the gateway should stay below. */
  readonly aim: number
}

/** Starts one more process of a kind. */
type Begin = () => Promise<Subject>

const mebi = 1024 * 1024
const boundary = 'bench-of-uploads'
const head = (name: string, more = ''): string =>
  `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${more}\r\n\r\n`
const before = Buffer.from(
  `${head('model')}speech/whisper-1\r\n${head('file', '; filename="talk.wav"\r\ncontent-type: audio/wav')}`,
)
const after = Buffer.from(`\r\n--${boundary}--\r\n`)

/** Measures both, four ways each. */
export async function measureUploads(gateway: Begin, reference: Begin): Promise<UploadFigure[]> {
  const figures: UploadFigure[] = []
  for (const [what, bytes, status, aim] of [
    ['100 MB refused', 100 * mebi, 413, 30],
    ['25 MB passed on', 25 * mebi, 200, 60],
  ] as const) {
    for (const [how, chunked] of [
      ['length declared', false],
      ['chunked', true],
    ] as const) {
      const of = async (begin: Begin): Promise<number> => growth(await begin(), bytes, chunked, status)
      figures.push({ name: `${what}, ${how}`, gateway: await of(gateway), reference: await of(reference), aim })
    }
  }
  return figures
}

/** Prints the figures. */
export function printUploads(figures: readonly UploadFigure[]): void {
  process.stdout.write(
    `${'memory of one upload'.padEnd(38)}${'gateway'.padStart(10)}${'buffering'.padStart(12)}  ${'unit'.padEnd(8)}aim\n`,
  )
  for (const { name, gateway, reference, aim } of figures) {
    process.stdout.write(
      `${name.padEnd(38)}${gateway.toFixed(1).padStart(10)}${reference.toFixed(1).padStart(12)}  ${'MB RSS'.padEnd(8)}< ${aim}\n`,
    )
  }
}

/** Megabytes of the highest point above where the process was before, when it had served some smaller ones. */
async function growth(subject: Subject, bytes: number, chunked: boolean, status: number): Promise<number> {
  for (let round = 0; round < 5; round++) await upload(subject.port, mebi, chunked, 200)
  await sleep(500)
  startPeak(subject.pid)
  const resting = residentKilobytes(subject.pid)
  await upload(subject.port, bytes, chunked, status)
  return (peakResidentKilobytes(subject.pid) - resting) / 1024
}

/** Uploads silence of so many bytes. Throws for another status than the one expected. */
async function upload(port: number, bytes: number, chunked: boolean, status: number): Promise<void> {
  const socket = await open(port)
  let answer = ''
  const answered = new Promise<void>((resolve) => {
    socket.on('data', (data) => {
      answer += data.toString('latin1')
      if (answer.includes('\r\n\r\n')) resolve()
    })
    socket.once('close', () => resolve())
  })
  const left = new AbortController()
  void answered.then(() => left.abort())
  const length = before.length + bytes + after.length
  socket.write(
    `POST /v1/audio/transcriptions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: multipart/form-data; boundary=${boundary}\r\n` +
      `${chunked ? 'transfer-encoding: chunked' : `content-length: ${length}`}\r\n\r\n`,
  )
  const send = async (piece: Buffer): Promise<void> => {
    const framed = chunked
      ? Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
      : piece
    if (!socket.write(framed)) await Promise.race([once(socket, 'drain').catch(() => undefined), answered])
  }
  await send(before)
  const silence = Buffer.alloc(64 * 1024)
  for (let sent = 0; sent < bytes && !left.signal.aborted; sent += silence.length) await send(silence)
  if (!left.signal.aborted) await send(after)
  if (!left.signal.aborted && chunked) socket.write('0\r\n\r\n')
  await answered
  socket.destroy()
  if (!answer.startsWith(`HTTP/1.1 ${status}`)) throw new Error(`unexpected answer: ${answer.slice(0, 400)}`)
}
