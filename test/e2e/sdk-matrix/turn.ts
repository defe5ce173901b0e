/** A call as the client got it. */
interface HeardCall {
  readonly id: string
  readonly name: string
  readonly input: unknown
}

/** What a client made of one answer. */
export interface Heard {
  readonly text: string
  readonly calls: readonly HeardCall[]
  /** The format's own word for the end. */
  readonly finish: unknown
  readonly usage: readonly unknown[]
}

/** One question. */
export interface Turn {
  readonly model: string
  readonly streaming: boolean
  /** The calls of the turn before, with a result for each. */
  readonly answered?: readonly { readonly call: HeardCall; readonly result: string }[]
}

/** A client of the gateway as its users have it: an official SDK. */
export interface MatrixClient {
  ask(turn: Turn): Promise<Heard>
  /** The seconds to wait that a refusal for too many requests tells; throws when the error is anything else. */
  waitOf(thrown: unknown): string | null | undefined
  /** Its words for the end of a talk and for calls. */
  readonly stop: unknown
  readonly called: unknown
  close?(): void
}

/** What every user says. */
export const words = 'Hello there'
const schema = { type: 'object' as const, properties: { city: { type: 'string' } }, required: ['city'] }
/** The tools every client declares. */
export const tools = ['weather', 'forecast'].map((name) => ({ name, description: `Tells the ${name}`, schema }))
/** The parsed arguments of a call. */
export const json = (text: string): unknown => JSON.parse(text)

/** For an error that is no refusal for too many requests: throws it. */
export function unlimited(thrown: unknown): never {
  throw thrown instanceof Error ? thrown : new Error(`not a refusal for too many requests: ${String(thrown)}`)
}
