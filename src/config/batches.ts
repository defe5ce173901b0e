import { z } from 'zod'
import { duration } from './duration.ts'
import { s3Access } from './media.ts'
import { section, wholeNumber } from './section.ts'

const s3Schema = section({
  ...s3Access,
  buckets: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, { error: 'must be the name of a bucket' }))
    .min(1)
    .describe('Buckets that batches may read from and write to; no other is ever asked for.'),
})

/** The section `batches`: how much is worked on at once, how long, and what may be in it. */
export const batchesSchema = section({
  concurrency: wholeNumber(0, 10_000)
    .default(16)
    .describe('Lines that this process works on at once. 0: it leaves batches to others.'),
  per_batch: wholeNumber(1, 10_000)
    .default(16)
    .describe('Lines of one batch that are worked on at once, by all processes together.'),
  per_provider: wholeNumber(1, 10_000)
    .default(16)
    .describe('Calls for batches that this process has open at one provider.'),
  window: duration()
    .prefault('24h')
    .describe('How long a batch may take: the completion window that is the default and the longest.'),
  tries: wholeNumber(1, 100)
    .default(5)
    .describe('How often a line is tried whose failure may pass, as 429 and 503; within the window.'),
  pause: duration().prefault('1s').describe('Before a line is tried again; twice that for each further try.'),
  longest_pause: duration().prefault('1m').describe('Longest pause before a line is tried again.'),
  lease: duration()
    .prefault('30s')
    .describe('After how long others take over what a process has that is gone, or frozen.'),
  poll: duration().prefault('1s').describe('How often a process looks for batches that others took in.'),
  kept_days: wholeNumber(0, 36_500)
    .default(90)
    .describe('Days that a batch is known after its end; its files are kept as media.file_days says. 0: for ever.'),
  max_lines: wholeNumber(1, 10_000_000).default(50_000).describe('Most lines of a batch.'),
  max_bytes: wholeNumber(1, 1024 ** 4)
    .default(200 * 1024 * 1024)
    .describe('Largest input of a batch, in bytes.'),
  s3: s3Schema.optional().describe('Where s3:// inputs and outputs are. Without it, there are none.'),
})
