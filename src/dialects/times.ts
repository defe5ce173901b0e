import type { Timestamp } from '@bufbuild/protobuf/wkt'
import { timestampDate, timestampMs } from '@bufbuild/protobuf/wkt'

/** Whole seconds since the epoch. */
export function epochSeconds(time: Timestamp): number {
  return Math.floor(timestampMs(time) / 1000)
}

/** A time in UTC as RFC 3339 has it, with milliseconds. */
export function isoTime(time: Timestamp): string {
  return timestampDate(time).toISOString()
}
