import type { TokenLogprob } from '#gen/switchyard/v1/chat_pb.ts'
import { listOf, numberOf, objectsOf, textOf } from './scalars.ts'

/** A token's log probability, as OpenAI's APIs and others write it. */
export interface WireLogprob {
  readonly token?: string
  readonly logprob?: number
  readonly bytes?: readonly number[] | null
  readonly top_logprobs?: readonly WireLogprob[] | null
}

/** Reads a token with those that were as likely. */
export function ratedToken(wire: WireLogprob): TokenLogprob {
  return { ...tokenOf(wire), top: objectsOf(wire.top_logprobs).map(tokenOf) }
}

function tokenOf({ token, logprob, bytes }: WireLogprob): TokenLogprob {
  return {
    $typeName: 'switchyard.v1.TokenLogprob',
    token: textOf(token),
    logprob: numberOf(logprob),
    utf8: new Uint8Array(listOf(bytes)),
    top: [],
  }
}
