import { inspect } from 'node:util'

const shown = '[redacted]'

/** A value that cannot be printed by accident: strings, JSON and inspection show `[redacted]`. Only `reveal` gives it out. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The value itself, for the header it belongs in. */
  reveal(): string {
    return this.#value
  }

  toString(): string {
    return shown
  }

  toJSON(): string {
    return shown
  }

  [inspect.custom](): string {
    return shown
  }
}
