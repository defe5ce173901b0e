import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { containerServer } from './postgres-container.ts'
import { localServer } from './postgres-local.ts'

/** A PostgreSQL server that tests may do anything to. */
export interface RunningPostgres {
  /** Where it came from, for the output of the test run. */
  readonly source: string
  /** URL of a database that is always there, whose user may make others. */
  readonly url: string
  /** Stops it at once, as for a restart; undefined for a server that is not ours to stop. */
  readonly halt?: () => Promise<void>
  /** Starts it again, on the same port. */
  readonly resume?: () => Promise<void>
  /** Ends it and removes what it wrote. */
  end(): Promise<void>
}

/** Such a server, and fresh databases on it. */
export interface Postgres extends RunningPostgres {
  /** Makes an empty database and gives its URL. */
  database(): Promise<string>
}

/**
 * A real PostgreSQL, from the first of these that is there: `TEST_POSTGRES_URL`; a container, where a Docker engine has the image;
 * binaries of this machine; binaries from npm. Prints which one it is. `TEST_POSTGRES_SOURCE` (container, machine or npm) insists on
 * one. Throws when there is none: these tests are not for skipping.
 */
export async function startPostgres(): Promise<Postgres> {
  const server = await find()
  process.stdout.write(`PostgreSQL for this file: ${server.source}\n`)
  return {
    ...server,
    async database() {
      const name = `test_${randomUUID().replaceAll('-', '')}`
      const client = new pg.Client(server.url)
      await client.connect()
      await client.query(`create database ${name}`)
      await client.end()
      const url = new URL(server.url)
      url.pathname = `/${name}`
      return url.href
    },
  }
}

async function find(): Promise<RunningPostgres> {
  const { TEST_POSTGRES_URL: url, TEST_POSTGRES_SOURCE: wanted } = process.env
  if (url !== undefined && url !== '') return { source: 'TEST_POSTGRES_URL', url, end: async () => {} }
  const server =
    (wanted === undefined || wanted === 'container' ? await containerServer() : undefined) ??
    (wanted === undefined || wanted === 'machine' ? await localServer('machine') : undefined) ??
    (wanted === undefined || wanted === 'npm' ? await localServer('npm') : undefined)
  if (server === undefined)
    throw new Error(
      'no PostgreSQL: no TEST_POSTGRES_URL, no Docker engine with its image, no binaries in PATH or /usr/lib/postgresql, and none from npm',
    )
  return server
}
