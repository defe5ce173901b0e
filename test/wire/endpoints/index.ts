import type { WireCase } from '../case.ts'
import { countFormatOf, formatOf } from '../format.ts'
import type { Endpoint } from './contract.ts'
import { cohereRerank, openaiModerations } from './generic.ts'
import { openaiCompletions } from './completions.ts'
import { openaiEmbeddings } from './embeddings.ts'
import { imagenPredict, openaiImages } from './images.ts'
import { openaiSpeech } from './speech.ts'
import { transcriptionEndpoint, translationEndpoint } from './transcription.ts'
import { cohereEmbeddings, geminiEmbeddings } from './vendors-embeddings.ts'

/** The endpoints beside chats whose recordings are checked. */
const endpoints: readonly Endpoint[] = [
  openaiCompletions,
  openaiEmbeddings,
  geminiEmbeddings,
  cohereEmbeddings,
  openaiImages,
  imagenPredict,
  openaiSpeech,
  transcriptionEndpoint,
  translationEndpoint,
  cohereRerank,
  openaiModerations,
]

/** The endpoint that a recording is of: by its path, and where none was recorded by the shape of the answer; undefined for chats. */
export function endpointOf({ request, response }: WireCase): Endpoint | undefined {
  const path = request?.path.split('?')[0] ?? ''
  if (path === '') return endpoints.find(({ isAnswer }) => isAnswer?.(response) === true)
  return request?.method.toUpperCase() === 'POST' ? endpoints.find((one) => one.path.test(path)) : undefined
}

/** Whether there is a check for a recording. */
export function isChecked(wireCase: WireCase): boolean {
  return [endpointOf, formatOf, countFormatOf].some((kindOf) => kindOf(wireCase) !== undefined)
}
