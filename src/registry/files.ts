import { open, realpath, stat } from 'node:fs/promises'
import { isAbsolute, normalize, sep } from 'node:path'
import { fail } from '../error/index.ts'
import { Secret } from '../provider/secret.ts'

/** A key is short; a longer file is not one. */
const mostBytes = 64 * 1024

/**
 * Reads provider keys from files, and from no file but those that the configuration allows: an entry is a file, a folder with all
 * that is below it, or a pattern in which `*` stands for a part of one name. A link counts by where it leads, so that no link inside
 * an allowed folder opens what is outside of it.
 */
export class SecretFiles {
  readonly #allowed: readonly string[]

  constructor(allowed: readonly string[]) {
    this.#allowed = allowed
  }

  /** Throws `invalid_request` for a path that no entry allows, whether or not there is such a file. */
  requireAllowed(path: string): void {
    if (isPlain(path) && this.#allowed.some((entry) => covers(entry, path))) return
    throw fail(
      'invalid_request',
      `only files in ${this.#allowed.join(', ') || 'no folder'} may be read; allow others in secrets.allowed_files`,
    )
  }

  /** The key in a file, without the space around it. Throws `invalid_request` as above, `provider_credential` when it cannot be read. */
  async read(path: string): Promise<Secret> {
    this.requireAllowed(path)
    const text = await this.#text(path)
    if (text === '') throw fail('provider_credential', `the key file ${path} is empty`)
    return new Secret(text)
  }

  /** Changes with the file; for finding out whether to read it again. */
  async stamp(path: string): Promise<string> {
    try {
      const { mtimeMs, size, ino } = await stat(path)
      return `${ino} ${size} ${mtimeMs}`
    } catch {
      return 'absent'
    }
  }

  async #text(path: string): Promise<string> {
    const real = await realpath(path).catch((cause: unknown) => Promise.reject(unreadable(path, cause)))
    if (!(await this.#leadsInside(real)))
      throw fail(
        'provider_credential',
        `the key file ${path} is a link to a place that secrets.allowed_files does not allow`,
      )
    const file = await open(real, 'r').catch((cause: unknown) => Promise.reject(unreadable(path, cause)))
    try {
      const found = await file.stat()
      if (!found.isFile()) throw fail('provider_credential', `the key file ${path} is not a file`)
      if (found.size > mostBytes) throw fail('provider_credential', `the key file ${path} is too large for a key`)
      return (await file.readFile('utf8')).trim()
    } finally {
      await file.close()
    }
  }

  /** Whether a path without links is allowed; the entries may themselves be reached through links. */
  async #leadsInside(real: string): Promise<boolean> {
    for (const entry of this.#allowed) if (covers(await withoutLinks(entry), real)) return true
    return false
  }
}

function unreadable(path: string, cause: unknown): Error {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  const what = code === 'ENOENT' ? 'is not there' : 'cannot be read'
  return fail('provider_credential', `the key file ${path} ${what}`, { cause })
}

/** True for an absolute path that says where it leads: no `..`, no double slash, no end in a slash. */
function isPlain(path: string): boolean {
  return isAbsolute(path) && normalize(path) === path && !path.endsWith(sep) && !path.includes('\0')
}

/** Whether an entry allows a path. */
function covers(entry: string, path: string): boolean {
  const wanted = partsOf(entry)
  const given = partsOf(path)
  if (given.length < wanted.length || (entry.includes('*') && given.length !== wanted.length)) return false
  return wanted.every((part, index) => nameMatches(part, given[index] ?? ''))
}

function partsOf(path: string): string[] {
  return path.split(sep).filter((part) => part !== '')
}

/** Whether a name matches one that may hold stars. A name that begins with a dot is meant only by one that does. */
function nameMatches(pattern: string, name: string): boolean {
  if (!pattern.includes('*')) return pattern === name
  if (name.startsWith('.') && !pattern.startsWith('.')) return false
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop() ?? ''
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false
  let from = first.length
  for (const part of rest) {
    const at = name.indexOf(part, from)
    if (at < 0 || at + part.length > name.length - last.length) return false
    from = at + part.length
  }
  return true
}

/** An entry with the links in its fixed part followed; as it is where that part does not exist. */
async function withoutLinks(entry: string): Promise<string> {
  const parts = partsOf(entry)
  const star = parts.findIndex((part) => part.includes('*'))
  const fixed = star < 0 ? parts : parts.slice(0, star)
  const rest = star < 0 ? [] : parts.slice(star)
  try {
    return [await realpath(sep + fixed.join(sep)), ...rest].join(sep)
  } catch {
    return entry
  }
}
