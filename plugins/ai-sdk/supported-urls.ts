import type { NeedsBytes } from '#provider'
import type { SupportedUrls } from './load.ts'

const usual = { image: 'image/*', audio: 'audio/*', file: 'application/octet-stream' } as const

/** Says which URLs the model's vendor does not read, by what the package tells of it: the AI SDK would fetch them, too. */
export function needsBytes(supported: SupportedUrls = {}): NeedsBytes {
  return ({ kind, url, mediaType }) => {
    const type = mediaType === '' ? usual[kind] : mediaType
    return !Object.entries(supported).some(
      ([pattern, urls]) =>
        covers(pattern, type) && urls.some((one) => new RegExp(one.source, one.flags.replace(/[gy]/g, '')).test(url)),
    )
  }
}

/** True where a pattern such as `image/*` holds for the type; of a type that is a pattern itself, where it holds for all of it. */
function covers(pattern: string, type: string): boolean {
  if (pattern === '*' || pattern === '*/*' || pattern === type) return true
  return pattern.endsWith('/*') && type.startsWith(pattern.slice(0, -1))
}
