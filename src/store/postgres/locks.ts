/** Advisory locks, which only name what is locked: for migrating, for writing to the ledger, for making or dropping its partitions. */
export const locks = {
  migrate: 7_396_500_001n,
  ledger: 7_396_500_002n,
  partitions: 7_396_500_003n,
} as const
