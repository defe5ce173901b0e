import { create } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { type Account, AccountSchema, type Key, KeySchema } from '#gen/switchyard/v1/key_pb.ts'
import type { AccountRow, KeyRow } from '../store/contract.ts'

/** An account as the contract shows it. */
export function accountMessage({ id, name, created, logContent }: AccountRow, chargedNanoUsd: bigint): Account {
  return create(AccountSchema, { id, name, created: timestampFromMs(created), logContent, chargedNanoUsd })
}

/** A key as the contract shows it: nothing that could be used as one. */
export function keyMessage(row: KeyRow): Key {
  const { id, accountId, name, permissions, models, created, expires, revoked } = row
  return create(KeySchema, {
    id,
    accountId,
    name,
    permissions: [...permissions],
    models: [...models],
    created: timestampFromMs(created),
    ...(expires !== undefined && { expires: timestampFromMs(expires) }),
    ...(revoked !== undefined && { revoked: timestampFromMs(revoked) }),
  })
}
