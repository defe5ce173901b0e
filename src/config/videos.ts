import type { z } from 'zod'
import type { VideoSettings } from '../jobs/video-poll.ts'
import { duration } from './duration.ts'
import { section, wholeNumber } from './section.ts'

/** The section `videos`: how the jobs of providers are followed. */
export const videosSchema = section({
  poll: duration()
    .prefault('2s')
    .describe('How soon a provider is asked again how far a video is, at first; later more rarely.'),
  lease: duration()
    .prefault('1m')
    .describe('How long one look at a provider may take; after that, another replica looks.'),
  deadline: duration().prefault('1h').describe('After how long a video is given up that is not there.'),
  at_once: wholeNumber(1, 1000).default(8).describe('Videos that this process asks for, or fetches, at the same time.'),
  days: wholeNumber(0, 3650).default(7).describe('Days that the bytes of a video are kept. 0: as long as other files.'),
})

const dayMs = 86_400_000

/** The settings that the section stands for. */
export function videoSettings({
  poll,
  lease,
  deadline,
  at_once: most,
  days,
}: z.infer<typeof videosSchema>): VideoSettings {
  return { pollMs: poll, leaseMs: lease, deadlineMs: deadline, most, keptMs: days === 0 ? Infinity : days * dayMs }
}
