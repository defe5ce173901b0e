import { z } from 'zod'

const meta = z.object({ request_id: z.string() })

/** The schema of the envelope around every good answer that is JSON. */
export const enveloped = <Data extends z.ZodType>(data: Data) => z.object({ status: z.literal('ok'), data, meta })

/** The envelope around the data of a good answer. */
export function envelope(data: object, requestId: string): object {
  return { status: 'ok', data, meta: { request_id: requestId } }
}
