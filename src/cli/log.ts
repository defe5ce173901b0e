import { pino } from 'pino'
import { errorSerializers } from '../error/index.ts'

/** The process's log. */
export interface Log {
  readonly logger: pino.Logger
  /** Writes what is still buffered, and resolves when that is done or has taken too long. Lines logged afterwards are lost. */
  close(): Promise<void>
}

/** Large, because each write to the destination costs more than formatting dozens of lines. */
const bufferedBytes = 15 * 1024
const flushMilliseconds = 1000
const closeMilliseconds = 1000
/** Beyond this much unread output, lines are lost rather than memory. */
const mostBufferedBytes = 16 * 1024 * 1024

/**
 * Opens the log: JSON lines, buffered and written without holding up calls, at the latest a second after they were logged.
 * `destination` is a path or a file descriptor; standard output by default. A destination that fails or is not read never
 * fails the gateway: `onFault` is told once, and lines are lost.
 */
export function openLog(level: string, onFault: (fault: Error) => void, destination: string | number = 1): Log {
  const stream = pino.destination({
    dest: destination,
    sync: false,
    minLength: bufferedBytes,
    maxLength: mostBufferedBytes,
    periodicFlush: flushMilliseconds,
  })
  const tell = once(onFault)
  const faulty = Promise.withResolvers<void>()
  stream.on('error', (fault: Error) => {
    tell(fault)
    faulty.resolve()
  })
  stream.on('drop', () => tell(new Error('it is read too slowly, lines are lost')))

  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => stream.once('close', resolve))
    stream.end()
    await Promise.race([closed, faulty.promise, elapsed(closeMilliseconds)])
    // Without this, the destination would be flushed once more when the process exits, with no end if it is broken.
    stream.destroy()
  }
  // The logger must not see the destination itself: at "fatal" it would flush it synchronously, with no end if it is broken.
  const lines = { write: (line: string): void => void (closing === undefined && stream.write(line)) }
  const options = {
    level,
    // Process and host are known to whoever collects the log; each line is shorter without them.
    base: null,
    timestamp: timestamps(),
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: errorSerializers,
  }
  return { logger: pino(options, lines), close: () => (closing ??= close()) }
}

/** The time of a line in ISO 8601. Lines of the same millisecond share its text, which costs more to make than the rest of a short line. */
function timestamps(): () => string {
  let last = 0
  let text = ''
  return () => {
    const now = Date.now()
    if (now !== last) {
      last = now
      text = `,"time":"${new Date(now).toISOString()}"`
    }
    return text
  }
}

function elapsed(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref())
}

function once(tell: (fault: Error) => void): (fault: Error) => void {
  let told = false
  return (fault) => {
    if (!told) tell(fault)
    told = true
  }
}
