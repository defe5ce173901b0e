/** Words that are shown from one moment to another, in seconds. */
export interface Cue {
  readonly start: number
  readonly end: number
  readonly text: string
  /** Who says them; empty where nobody knows. */
  readonly speaker: string
}

/** Writes SubRip (`.srt`). */
export function writeSrt(cues: readonly Cue[]): string {
  return cues
    .map(({ start, end, text, speaker }, index) => {
      const words = speaker === '' ? linesOf(text) : `${speaker}: ${linesOf(text)}`
      return `${index + 1}\n${clock(start, ',')} --> ${clock(end, ',')}\n${words}\n\n`
    })
    .join('')
}

/** Writes WebVTT (`.vtt`), with `<v NAME>` where a speaker is known. */
export function writeVtt(cues: readonly Cue[]): string {
  const written = cues.map(({ start, end, text, speaker }) => {
    const voice = speaker === '' ? '' : `<v ${escapeVtt(speaker).replaceAll('>', '')}>`
    return `${clock(start, '.')} --> ${clock(end, '.')}\n${voice}${escapeVtt(linesOf(text))}\n\n`
  })
  return `WEBVTT\n\n${written.join('')}`
}

const timing = /^\s*((?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3})\s*-->\s*((?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3})/

/** Reads the cues of SubRip or WebVTT; a block without times says nothing. */
export function readSubtitles(text: string): Cue[] {
  const isVtt = /^\uFEFF?WEBVTT/.test(text)
  return text.split(/\r?\n(?:[\t ]*\r?\n)+/).flatMap((block) => {
    const lines = block.split(/\r?\n/)
    const at = lines.findIndex((line) => timing.test(line))
    const [, start = '', end = ''] = timing.exec(lines[at] ?? '') ?? []
    if (at < 0) return []
    const words = lines
      .slice(at + 1)
      .join('\n')
      .trimEnd()
    const [, speaker = '', said = words] = isVtt ? (/^<v(?:\.\S+)?\s([^>]*)>([\s\S]*)$/.exec(words) ?? []) : []
    const plain = isVtt ? unescapeVtt(said) : said
    return [{ start: secondsOf(start), end: secondsOf(end), text: plain, speaker: isVtt ? unescapeVtt(speaker) : '' }]
  })
}

/** Text that neither ends its block nor looks like times. */
function linesOf(text: string): string {
  return text
    .trim()
    .replaceAll(/\r?\n(?:[\t ]*\r?\n)+/g, '\n')
    .replaceAll('-->', '->')
}

function escapeVtt(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

function unescapeVtt(text: string): string {
  return text
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&nbsp;', '\u00A0')
    .replaceAll('&amp;', '&')
}

function clock(seconds: number, point: ',' | '.'): string {
  const all = Math.round(Math.max(0, seconds) * 1000)
  const part = (value: number, digits: number): string => String(Math.floor(value)).padStart(digits, '0')
  const [hours, minutes] = [all / 3_600_000, (all / 60_000) % 60]
  return `${part(hours, 2)}:${part(minutes, 2)}:${part((all / 1000) % 60, 2)}${point}${part(all % 1000, 3)}`
}

function secondsOf(clockText: string): number {
  const [whole = '', fraction = ''] = clockText.split(/[.,]/)
  const seconds = whole.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
  return seconds + Number(fraction.padEnd(3, '0')) / 1000
}
