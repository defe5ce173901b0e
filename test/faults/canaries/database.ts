import pg from 'pg'
import { Gate } from '../../services/gate.ts'
import type { Postgres } from '../../services/postgres.ts'
import type { Evidence } from './evidence.ts'
import type { Planted } from './canary.ts'

/** A database whose URL holds a password that must not be seen, behind a gate that can be shut. */
export interface GuardedDatabase extends AsyncDisposable {
  readonly url: string
  /** The same, with a password that is not it. */
  readonly wrongUrl: (password: Planted) => string
  readonly gate: Gate
  /** Takes every row of every table as evidence. Gives how many there are. */
  takeRows(evidence: Evidence, shows: readonly string[]): Promise<number>
}

/** Makes such a database, and a role with that password that owns it. */
export async function guardDatabase(postgres: Postgres, password: Planted): Promise<GuardedDatabase> {
  const direct = new URL(await postgres.database())
  const name = direct.pathname.slice(1)
  const role = `role_${name}`
  // Characters that a URL has to escape.
  const whole = `${password.text}@/:?#`
  await ask(postgres.url, `create role ${role} login password '${whole}'; alter database ${name} owner to ${role}`)
  const gate = await Gate.open(direct.hostname, Number(direct.port))
  const urlOf = (given: string): string =>
    `postgres://${role}:${encodeURIComponent(given)}@127.0.0.1:${gate.port}/${name}`
  return {
    url: urlOf(whole),
    wrongUrl: (wrong) => urlOf(wrong.text),
    gate,
    async takeRows(evidence, shows) {
      const tables = `select format('%I.%I', schemaname, tablename) as name from pg_tables
        where schemaname not in ('pg_catalog', 'information_schema')`
      let count = 0
      for (const { name: table } of await ask(direct.href, tables)) {
        const rows = await ask(direct.href, `select row_to_json(t)::text as row from ${String(table)} t`)
        count += rows.length
        evidence.take(`rows: ${String(table)}`, rows.map(({ row }) => String(row)).join('\n'), shows)
      }
      return count
    },
    [Symbol.asyncDispose]: () => gate.close(),
  }
}

async function ask(url: string, query: string): Promise<Readonly<Record<string, unknown>>[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    const { rows } = (await client.query(query)) as { rows: Readonly<Record<string, unknown>>[] }
    return rows
  } finally {
    await client.end()
  }
}
