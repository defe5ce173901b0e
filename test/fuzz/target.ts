import type fc from 'fast-check'
import type { Fault } from './fault.ts'

/** A fault that showed late, and the input that it belongs to. */
export interface Late<Input> {
  readonly fault: Fault
  readonly input: Input
}

/** Something that is fuzzed: how its inputs are made, what must hold of each, and how one is written down. */
export interface Target<Input> {
  readonly name: string
  readonly inputs: fc.Arbitrary<Input>
  /** What the inputs are made of, unchanged. */
  readonly recorded: readonly Input[]
  /** Throws a `Fault` for a broken promise. */
  check(input: Input): Promise<void>
  /** What only shows some time after inputs were checked: the one that broke a promise then. */
  after?(): Promise<Late<Input> | undefined>
  /** Simpler inputs to try in place of a failing one, the simplest first. */
  simpler(input: Input): Iterable<Input>
  write(input: Input): object
  read(written: unknown): Input
  /** Ends what the target started. */
  close?(): Promise<void>
}
