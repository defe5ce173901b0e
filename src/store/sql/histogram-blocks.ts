/*
 * Buckets of a histogram as they are kept: thirty-two neighbours lie in one row of a table, a block, because calls of one kind are mostly
 * within two or three.
 */

/** Buckets in a block. */
export const blockSize = 32

/** Names of the columns of a block. */
export const blockColumns = Array.from({ length: blockSize }, (_, index) => `c${index}`)
