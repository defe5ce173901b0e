import { firstDifference } from '../compare.ts'
import { anthropicAlike } from './anthropic.ts'
import { type Alike, type Body, withoutPaths } from './body.ts'
import { camelCased, geminiAlike } from './gemini.ts'
import { openaiAlike } from './openai.ts'
import { responsesAlike } from './responses.ts'
import type { VendorDialect } from '../checks/vendor-dialects.ts'

/** A request before and after it was translated. */
export interface Translation {
  readonly recorded: Body
  readonly written: Body
  /** Paths of the recorded body that are named as not carried. */
  readonly dropped: readonly string[]
  /** The model that was asked for. */
  readonly model: string
}

/**
 * How a translated request differs from the recorded one, a line each: in anything but what is named as dropped, and spellings
 * that say the same.
 */
export function translationProblems(
  dialect: VendorDialect,
  { recorded, written, dropped, model }: Translation,
): string[] {
  const spelled = dialect === 'gemini' ? camelCased(recorded) : recorded
  const { body, unknown } = withoutPaths(
    spelled,
    dropped.filter((path) => !isHeader(path)),
  )
  const alike = alikeIn(dialect, model)
  const difference = firstDifference(oneForm(body, alike), oneForm(written, alike), 'translated')
  return [
    ...unknown.map((path) => `dropped names ${path}, which the request does not have`),
    ...(difference === undefined ? [] : [difference]),
  ]
}

/** A header of the request may be named beside the paths of its body. */
function isHeader(path: string): boolean {
  return path === 'anthropic-beta'
}

function alikeIn(dialect: VendorDialect, model: string): readonly Alike[] {
  switch (dialect) {
    case 'openai':
      return openaiAlike
    case 'anthropic':
      return anthropicAlike
    case 'responses':
      return responsesAlike
    case 'gemini':
      return geminiAlike(model)
    default:
      return dialect satisfies never
  }
}

function oneForm(body: Body, alike: readonly Alike[]): Body {
  return alike.reduce((form, { apply }) => apply(form), body)
}
