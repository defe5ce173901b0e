import { GatewayError } from './error.ts'

/** An error as the log has it: what kind it is and where it was thrown, and its words only where they cannot be anybody's secret. */
export interface LoggedError {
  readonly type: string
  /** One of the closed reasons, for the gateway's own errors. */
  readonly reason?: string
  readonly code?: string
  readonly message?: string
  /** The calls that led to it, a line each. */
  readonly stack?: string
  readonly cause?: LoggedError
}

/** Most errors of a chain of causes that are told. */
const mostCauses = 5
/** Most characters of a message. */
const longest = 256
/** Most calls of a stack. */
const mostFrames = 10

/**
 * What of an error may be written to the log. Messages of libraries quote what they could not take: a parser the answer it was
 * reading, a client the header it could not send, a server the request that it did not understand. So only messages are kept that
 * are the gateway's own words, the system's, the network's and the database's, and of the language's own those that quote nothing. Of
 * the other fields of an error only its code is.
 */
export function loggedError(thrown: unknown, depth = 0): LoggedError {
  if (!(thrown instanceof Error)) return { type: typeof thrown }
  const { cause } = thrown
  const told = messageOf(thrown)
  const [stack, code] = [framesOf(thrown).join('\n'), codeOf(thrown)]
  return {
    type: typeOf(thrown),
    ...(thrown instanceof GatewayError && { reason: thrown.reason }),
    ...(code !== '' && { code }),
    ...(told !== undefined && { message: told }),
    ...(stack !== '' && { stack }),
    ...(cause instanceof Error && depth + 1 < mostCauses && { cause: loggedError(cause, depth + 1) }),
  }
}

/** The same in one line: what was thrown, and what had been thrown before that. Where words are left out, it says where it was. */
export function loggedWords(thrown: unknown): string {
  const words: string[] = []
  for (let error = thrown; error instanceof Error && words.length < mostCauses; error = error.cause) {
    const told = messageOf(error)
    const [frame = ''] = framesOf(error)
    const code = codeOf(error)
    words.push(`${typeOf(error)}${told === undefined ? frame && ` ${frame}` : `: ${told}`}${code && ` (${code})`}`)
  }
  return words.join(' < ')
}

/** For a logger that serializes the fields in which errors are given. */
export const errorSerializers = { err: serialize, error: serialize } as const

function serialize(value: unknown): unknown {
  return value instanceof Error ? loggedError(value) : value
}

function typeOf({ name }: Error): string {
  return /^[\w.]{1,64}$/.test(name) ? name : 'Error'
}

/** A word of capitals, such as ECONNREFUSED, or a number. */
function codeOf(error: Error): string {
  const code: unknown = 'code' in error ? error.code : undefined
  if (typeof code === 'number') return String(code)
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : ''
}

function messageOf(error: Error): string | undefined {
  return wordsOf(error)?.slice(0, longest)
}

function wordsOf(error: Error): string | undefined {
  const { message } = error
  if (error instanceof GatewayError) return error.details.quotes === true ? undefined : message
  if (isOfSystem(error) || isOfNetwork(error)) return message
  // What a database could not read follows a colon.
  if (isOfDatabase(error)) return message.replace(/: ".*$/s, '')
  return mistakes.map((pattern) => pattern.exec(message)?.[1]).find((words) => words !== undefined)
}

/** What a call to the system answered: a file or an address, and what is wrong with it. */
function isOfSystem(error: Error): boolean {
  return 'syscall' in error && typeof error.syscall === 'string'
}

/** What connections, TLS and HTTP parsers say, by their codes. */
function isOfNetwork(error: Error): boolean {
  return /^(?:UND_ERR_|HPE_|ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/.test(codeOf(error))
}

/** PostgreSQL tells a severity; its driver's own words, and those of SQLite, quote no values. */
function isOfDatabase(error: Error): boolean {
  if (error.name === 'SqliteError' || codeOf(error) === 'ERR_SQLITE_ERROR' || 'severity' in error) return true
  return /node_modules[\\/]pg(?:-pool|-protocol)?[\\/]/.test(framesOf(error)[0] ?? '')
}

/** What the language itself says of a mistake in a program, as far as it names nothing but parts of the program. */
const mistakes = [
  /^(Cannot (?:read|set) properties of (?:undefined|null)) \((?:reading|setting) /,
  /^([\w$.()[\]]{1,80} is not (?:a function|a constructor|iterable|defined))$/,
  /^(Maximum call stack size exceeded|Invalid (?:array|string) length|Invalid time value|Assignment to constant variable\.)$/,
]

/** The calls of the stack. Its head repeats the message, which may hold lines that look like calls. */
function framesOf({ stack = '', message }: Error): string[] {
  const at = stack.indexOf(message)
  const calls = at < 0 ? stack : stack.slice(at + message.length)
  return calls
    .split('\n')
    .map((line) => line.trim())
    .filter((line) =>
      /^at (?:async )?(?:(?:new )?[\w$.<>#[\] ]{1,100} \()?(?:file:|node:|\/)[^()]{1,300}:\d+:\d+\)?$/.test(line),
    )
    .slice(0, mostFrames)
}
