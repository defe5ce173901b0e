import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

/** What is wrong with a value by a schema; empty when nothing is. */
export type Judge = (value: unknown) => string[]

/** Judges values by the schemas of an OpenAPI document, each compiled once, when it is first asked for. */
export function judgeBy(document: object): (pointer: string) => Judge {
  const ajv = new Ajv2020({ strict: false, allErrors: true, logger: false })
  addFormats.default(ajv)
  ajv.addSchema(document, 'document')
  const compiled = new Map<string, ValidateFunction>()
  return (pointer) => (value) => {
    const validate = compiled.get(pointer) ?? ajv.compile({ $ref: `document#${pointer}` })
    compiled.set(pointer, validate)
    if (validate(value)) return []
    const errors = validate.errors ?? []
    // Of a choice, what is wrong deep within is about the one that was meant.
    const deepest = Math.max(...errors.map(({ instancePath }) => instancePath.split('/').length))
    return errors
      .filter(({ instancePath }) => instancePath.split('/').length === deepest)
      .map(({ instancePath, message = '', params }) => `${instancePath} ${message} ${JSON.stringify(params)}`.trim())
  }
}

/** Names as a JSON pointer that is part of a URL. */
export function pointerTo(...names: readonly string[]): string {
  return names.map((name) => `/${encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('')
}
