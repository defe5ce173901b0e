import { hash } from 'node:crypto'
import {
  type CallContext,
  fail,
  formatAmong,
  refuseDropped,
  speechMediaType,
  type SynthesizeEventInit,
  type SynthesizeRequest,
  usage,
  wavHead,
} from '#provider'
import { failAtOnce, suffer } from './faults.ts'
import { readModel } from './models.ts'
import { pace } from './pace.ts'
import { lorem, tokensOf } from './tokens.ts'

/** The longest text, as at the vendor whose API this is. */
const longest = 4096
const samplesPerSecond = 24_000
/** How long a character is heard at the usual speed. */
const secondsPerCharacter = 0.05

type Batch = readonly SynthesizeEventInit[]

/**
 * Speaks as far as it can: a tone as high as its voice, in pieces of one word each, with a gap between them. Equal texts sound equal.
 * A model with a fault says so many words, and has it then.
 */
export async function* synthesize(
  request: SynthesizeRequest,
  { signal }: CallContext,
): AsyncGenerator<Batch, void, void> {
  const { fault, tokensPerSecond } = readModel(request.model)
  const format = formatAmong(request, ['wav', 'pcm', 'mp3'])
  if (request.input.length > longest)
    throw fail('invalid_request', `input: at most ${longest} characters`, { param: 'input' })
  const dropped = droppedOf(request)
  refuseDropped(request, dropped)
  signal.throwIfAborted()
  await failAtOnce(fault, signal)
  const after = fault !== undefined && 'after' in fault ? fault.after : undefined
  const words = tokensOf(after === undefined ? request.input : lorem(after, 0))
  const pieces = words.map((word) => (format === 'mp3' ? silence(word, request) : tone(word, request)))
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const mediaType = speechMediaType(format) ?? ''
  const start: SynthesizeEventInit = { event: { case: 'started', value: { model: request.model, mediaType, dropped } } }
  const head = format === 'wav' ? [sound(wavHead(bytes, samplesPerSecond))] : []
  const spent = usage({ characters: request.input.length })
  const batches: Batch[] = [[start, ...head], ...pieces.map((piece) => [sound(piece)])]
  yield* pace(batches, tokensPerSecond, signal)
  if (fault !== undefined) await suffer(fault, signal)
  yield [{ event: { case: 'usage', value: spent } }]
}

function sound(value: Uint8Array): SynthesizeEventInit {
  return { event: { case: 'audio', value } }
}

/** Paths of what the client wants and the simulator has not got. */
function droppedOf({ source, instructions }: SynthesizeRequest): string[] {
  return [...(source?.untranslated ?? []), ...(instructions === undefined ? [] : ['instructions'])]
}

function secondsOf(word: string, { speed = 1 }: SynthesizeRequest): number {
  return (word.length * secondsPerCharacter) / Math.max(speed, 0.25)
}

/** A word as samples of sixteen bits: a tone that swells and fades, so that words can be told apart. */
function tone(word: string, request: SynthesizeRequest): Uint8Array {
  const count = Math.round(secondsOf(word, request) * samplesPerSecond)
  const pitch = 110 + (Buffer.from(hash('sha256', request.voice, 'hex'), 'hex')[0] ?? 0)
  const samples = Buffer.alloc(count * 2)
  for (let at = 0; at < count; at++) {
    const loudness = Math.sin((Math.PI * at) / count)
    const value = Math.sin((2 * Math.PI * pitch * at) / samplesPerSecond)
    samples.writeInt16LE(Math.round(8000 * loudness * value), at * 2)
  }
  return samples
}

/** A frame of MPEG-2 layer III, 32 kbit/s, mono, 24,000 samples a second, 576 of them, that are all zero. */
const silentFrame = Buffer.concat([Buffer.from([0xff, 0xf3, 0x44, 0xc4]), Buffer.alloc(92)])

/** A word as MP3, which is only kept quiet for as long as it takes: nobody here writes MP3. */
function silence(word: string, request: SynthesizeRequest): Uint8Array {
  const frames = Math.max(1, Math.round((secondsOf(word, request) * samplesPerSecond) / 576))
  return Buffer.concat(Array.from({ length: frames }, () => silentFrame))
}
