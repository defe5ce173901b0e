import { create } from '@bufbuild/protobuf'
import { timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt'
import {
  type Account,
  CreateAccountRequestSchema,
  CreateKeyRequestSchema,
  type Key,
  ListAccountsRequestSchema,
  ListKeysRequestSchema,
} from '#gen/switchyard/v1/key_pb.ts'
import { openPrincipal } from '../core/admit.ts'
import { ConfigError } from '../config/load.ts'
import type { KeyOperations } from '../dialects/surface.ts'
import { keyOperations } from '../keys/operations.ts'
import { onStore, type StoreFlags } from './on-store.ts'
import type { Surroundings } from './surroundings.ts'
import { type Column, table } from './table.ts'

/** What `switchyard keys create` takes on the command line. */
export interface CreateKeyFlags extends StoreFlags {
  readonly admin?: boolean | undefined
  readonly name?: string | undefined
  readonly account?: string | undefined
  readonly permissions?: string | undefined
  readonly models?: string | undefined
  /** Days until it expires. */
  readonly days?: string | undefined
}

/** As the contract has it, which is not asked here: a longer one could not be read again. */
const longestName = 128
const longestModel = 512

/** Makes a key in the store of this machine's configuration, and writes it to standard output, this once. Resolves with the exit code. */
export function createKey(flags: CreateKeyFlags, process: Surroundings): Promise<number> {
  return withKeys(flags, process, async (keys) => {
    const days = flags.days === undefined ? undefined : Number(flags.days)
    if (days !== undefined && !(days > 0 && days <= 36_500)) throw new ConfigError(['--days is a number of days'])
    if ((flags.name ?? '').length > longestName) throw new ConfigError([`--name has at most ${longestName} characters`])
    if (wordsOf(flags.models).some((model) => model.length > longestModel))
      throw new ConfigError([`--models: each has at most ${longestModel} characters`])
    const { key, secret } = await keys.createKey(
      create(CreateKeyRequestSchema, {
        name: flags.name ?? '',
        accountId: flags.account ?? '',
        permissions: [...wordsOf(flags.permissions), ...(flags.admin === true ? ['admin'] : [])],
        models: wordsOf(flags.models),
        ...(days !== undefined && { expires: timestampFromMs(Date.now() + days * 86_400_000) }),
      }),
    )
    process.stdout.write(`${secret}\n`)
    const may = key?.permissions.join(', ') ?? ''
    process.stderr.write(`key ${key?.id} of account ${key?.accountId} may: ${may}. It is shown this once.\n`)
  })
}

/** Lists the keys, newest last. Resolves with the exit code. */
export function listKeys(flags: StoreFlags, process: Surroundings): Promise<number> {
  return withKeys(flags, process, async (keys) => {
    const all = await every(async (cursor) => {
      const page = await keys.listKeys(create(ListKeysRequestSchema, { limit: 1000, cursor }))
      return { rows: page.keys, nextCursor: page.nextCursor }
    })
    process.stdout.write(table(keyColumns, all))
  })
}

/** Revokes a key: it is refused within seconds, everywhere. Resolves with the exit code. */
export function revokeKey(id: string, flags: StoreFlags, process: Surroundings): Promise<number> {
  return withKeys(flags, process, async (keys) => {
    await keys.revokeKey(id)
    process.stderr.write(`key ${id} is revoked\n`)
  })
}

/** Makes an account, and writes its id to standard output. Resolves with the exit code. */
export function createAccount(name: string, flags: StoreFlags, process: Surroundings): Promise<number> {
  return withKeys(flags, process, async (keys) => {
    if (name === '' || name.length > longestName)
      throw new ConfigError([`the name of an account has 1 to ${longestName} characters`])
    const account = await keys.createAccount(create(CreateAccountRequestSchema, { name }))
    process.stdout.write(`${account.id}\n`)
  })
}

/** Lists the accounts and what each has been charged. Resolves with the exit code. */
export function listAccounts(flags: StoreFlags, process: Surroundings): Promise<number> {
  return withKeys(flags, process, async (keys) => {
    const all = await every(async (cursor) => {
      const page = await keys.listAccounts(create(ListAccountsRequestSchema, { limit: 1000, cursor }))
      return { rows: page.accounts, nextCursor: page.nextCursor }
    })
    process.stdout.write(table(accountColumns, all))
  })
}

const keyColumns: readonly Column<Key>[] = [
  { title: 'id', cell: ({ id }) => id },
  { title: 'account', cell: ({ accountId }) => accountId },
  { title: 'name', cell: ({ name }) => name },
  { title: 'permissions', cell: ({ permissions }) => permissions.join(',') },
  { title: 'models', cell: ({ models }) => models.join(',') || '*' },
  { title: 'created', cell: ({ created }) => dayOf(created) },
  { title: 'expires', cell: ({ expires }) => dayOf(expires) },
  { title: 'revoked', cell: ({ revoked }) => dayOf(revoked) },
]

const accountColumns: readonly Column<Account>[] = [
  { title: 'id', cell: ({ id }) => id },
  { title: 'name', cell: ({ name }) => name },
  { title: 'created', cell: ({ created }) => dayOf(created) },
  { title: 'keeps content', cell: ({ logContent }) => (logContent ? 'yes' : 'no') },
  { title: 'charged_usd', cell: ({ chargedNanoUsd }) => (Number(chargedNanoUsd) / 1e9).toFixed(6), right: true },
]

/** Nobody knows when the account was made that is there from the beginning. */
function dayOf(time: Key['created']): string {
  return time === undefined || time.seconds === 0n ? '' : timestampDate(time).toISOString().slice(0, 10)
}

function wordsOf(text: string | undefined): string[] {
  return (text ?? '').split(',').filter((word) => word !== '')
}

/** All pages of a listing. */
async function every<Row>(
  page: (cursor: string) => Promise<{ readonly rows: readonly Row[]; readonly nextCursor: string }>,
): Promise<Row[]> {
  const all: Row[] = []
  let cursor = ''
  do {
    const { rows, nextCursor } = await page(cursor)
    all.push(...rows)
    cursor = nextCursor
  } while (cursor !== '')
  return all
}

/** Runs a command on keys and accounts, as whoever may read the store's file or knows its URL: there is nobody above. */
function withKeys(
  flags: StoreFlags,
  process: Surroundings,
  run: (keys: KeyOperations) => Promise<void>,
): Promise<number> {
  return onStore(flags, process, async ({ accounts }) => {
    await run(keyOperations({ store: accounts, refresh: async () => {} }, openPrincipal))
  })
}
