import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import type { Store } from '../../src/store/contract.ts'
import { openStore } from '../../src/store/open.ts'
import { type Postgres, startPostgres } from '../services/postgres.ts'
import { accountsSuite } from './store/accounts.ts'
import { backupSuite } from './store/backup.ts'
import { batchesSuite } from './store/batches.ts'
import type { Bed } from './store/bed.ts'
import { clocksSuite } from './store/clocks.ts'
import { filesSuite } from './store/files.ts'
import { idempotencySuite } from './store/idempotency.ts'
import { videosSuite } from './store/videos.ts'
import { ledgerSuite } from './store/ledger.ts'
import { openingSuite } from './store/opening.ts'
import { poisonSuite } from './store/poison.ts'
import { registrySuite } from './store/registry.ts'
import { revisionSuite } from './store/revision.ts'
import { usageSuite } from './store/usage.ts'

/*
 * What a store promises, on every engine there is.
 */

const folder = mkdtempSync(join(tmpdir(), 'switchyard-stores-'))
let postgres: Postgres

beforeAll(async () => {
  postgres = await startPostgres()
})
afterAll(async () => {
  await postgres.end()
  rmSync(folder, { recursive: true })
})

let files = 0
const engines: Readonly<Record<Store['engine'], () => Promise<string>>> = {
  sqlite: async () => join(folder, `${(files += 1)}`, 'switchyard.db'),
  postgres: () => postgres.database(),
}

const execute: Readonly<Record<Store['engine'], Bed['execute']>> = {
  sqlite: async (location, statement) => {
    const database = new DatabaseSync(location)
    database.exec(statement)
    database.close()
  },
  postgres: async (location, statement) => {
    const client = new pg.Client(location)
    await client.connect()
    await client.query(statement)
    await client.end()
  },
}

describe.each(Object.keys(engines) as Store['engine'][])('on %s', (engine) => {
  const opened: Store[] = []
  const open: Bed['open'] = async (location, options) => {
    const store = await openStore(location, options)
    opened.push(store)
    return store
  }
  const newLocation = engines[engine]
  const bed: Bed = {
    execute: execute[engine],
    engine,
    newLocation,
    otherLocation: engines[engine === 'sqlite' ? 'postgres' : 'sqlite'],
    open,
    fresh: async () => open(await newLocation()),
  }
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()))
  })

  openingSuite(bed)
  registrySuite(bed)
  revisionSuite(bed)
  accountsSuite(bed)
  ledgerSuite(bed)
  usageSuite(bed)
  batchesSuite(bed)
  filesSuite(bed)
  idempotencySuite(bed)
  videosSuite(bed)
  clocksSuite(bed)
  poisonSuite(bed)
  backupSuite(bed)
})
