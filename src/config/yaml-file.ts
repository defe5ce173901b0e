import { readFileSync } from 'node:fs'
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Pair, parseDocument } from 'yaml'
import { ConfigError, pathText, type Problem } from './problems.ts'

/** What a YAML file says, and where it says it. */
export interface YamlFile {
  /** The file as plain values; undefined when it says nothing. */
  readonly data: unknown
  /** Problems as lines, in the order of the file: `config.yaml:LINE:COLUMN path.to.key: what is wrong`. */
  locate(problems: readonly Problem[]): string[]
}

/**
 * Reads a YAML 1.2 file. Throws a `ConfigError` when it cannot be read, is not UTF-8 or not YAML, or has a key twice. No
 * line of the file is quoted in an error: it may hold what should not be printed.
 */
export function readYamlFile(file: string): YamlFile {
  const source = readText(file)
  const lines = new LineCounter()
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, uniqueKeys: false })
  const position = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0) throw new ConfigError(faults.map((fault) => `${position(fault.pos[0])} ${fault.message}`))

  const lineOf = (offset: number, { path, message }: Pick<Problem, 'path' | 'message'>): string => {
    return `${position(offset)} ${path.length === 0 ? '' : `${pathText(path)}: `}${message}`
  }
  const bad = [...badKeys(document)]
  if (bad.length > 0) throw new ConfigError(bad.map((problem) => lineOf(offsetOfKey(problem.pair), problem)))

  const locate = (problems: readonly Problem[]): string[] => {
    const located = problems.map((problem) => ({ problem, offset: offsetOf(document, problem) }))
    return located
      .toSorted((one, other) => one.offset - other.offset)
      .map(({ problem, offset }) => lineOf(offset, problem))
  }
  return { data: plainValue(document, file), locate }
}

function readText(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch (error) {
    throw new ConfigError([`cannot read the configuration file ${file}: ${readFault(error)}`])
  }
}

function readFault(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EISDIR: 'it is a folder',
    EACCES: 'permission denied',
    ERR_ENCODING_INVALID_ENCODED_DATA: 'it is not UTF-8 text',
  }
  return known[code] ?? code
}

function plainValue(document: Document.Parsed, file: string): unknown {
  try {
    return document.toJS()
  } catch (error) {
    throw new ConfigError([`${file}: ${error instanceof Error ? error.message : String(error)}`])
  }
}

interface BadKey {
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly pair: Pair
}

function keyOf(pair: Pair): string {
  return String(isScalar(pair.key) ? pair.key.value : pair.key)
}

/** Every key that is there twice in its mapping, and `__proto__`, which no mapping of ours can hold. */
function* badKeys(document: Document.Parsed): Generator<BadKey> {
  const pending: { node: unknown; path: readonly PropertyKey[] }[] = [{ node: document.contents, path: [] }]
  for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
    const { node, path } = next
    if (isSeq(node)) pending.push(...node.items.map((item, index) => ({ node: item, path: [...path, index] })))
    if (!isMap(node)) continue
    const seen = new Set<string>()
    for (const pair of node.items) {
      const key = keyOf(pair)
      const here = [...path, key]
      if (seen.has(key)) yield { path: here, message: 'this key is there twice', pair }
      if (key === '__proto__') yield { path: here, message: 'this name cannot be used', pair }
      seen.add(key)
      pending.push({ node: pair.value, path: here })
    }
  }
}

function offsetOfKey(pair: Pair): number {
  return isNode(pair.key) ? (pair.key.range?.[0] ?? 0) : 0
}

/** Where a problem is: its key or value, or for a path that is not in the file, the innermost part that is. */
function offsetOf(document: Document.Parsed, { path, atKey }: Problem): number {
  let node: unknown = document.contents
  let offset = 0
  for (const [depth, part] of path.entries()) {
    if (isNode(node)) offset = node.range?.[0] ?? offset
    if (isAlias(node)) node = node.resolve(document)
    if (isSeq(node)) {
      node = node.items[Number(part)]
      continue
    }
    const pair = isMap(node) ? node.items.find((item) => keyOf(item) === String(part)) : undefined
    if (pair === undefined) return offset
    if (atKey && depth === path.length - 1) return offsetOfKey(pair)
    offset = offsetOfKey(pair)
    node = pair.value
  }
  return isNode(node) ? (node.range?.[0] ?? offset) : offset
}
