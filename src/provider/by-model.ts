import type { Provider } from './contract.ts'
import { fail } from '../error/index.ts'

/**
 * A provider that is one of several by the model asked for, for vendors that serve some models in one format and some in another.
 * `choose` gives the one that answers for a model; what that one does not do is unsupported for its models. `lists` is the one that
 * knows them all, if one of them does.
 */
export function byModel(choose: (model: string) => Provider, lists?: Provider): Provider {
  return {
    chat: (request, context) => choose(request.model).chat?.(request, context) ?? unsupported(request.model),
    countTokens: (request, context) =>
      choose(request.model).countTokens?.(request, context) ?? unsupported(request.model),
    generate: (request, context) => choose(request.model).generate?.(request, context) ?? unsupported(request.model),
    embed: (request, context) => choose(request.model).embed?.(request, context) ?? unsupported(request.model),
    generateImages: (request, context) =>
      choose(request.model).generateImages?.(request, context) ?? unsupported(request.model),
    transcribe: (request, context) =>
      choose(request.model).transcribe?.(request, context) ?? unsupported(request.model),
    synthesize: (request, context) =>
      choose(request.model).synthesize?.(request, context) ?? unsupported(request.model),
    createVideo: (request, context) =>
      choose(request.model).createVideo?.(request, context) ?? unsupported(request.model),
    getVideo: (request, context) => choose(request.model).getVideo?.(request, context) ?? unsupported(request.model),
    cancelVideo: (request, context) =>
      choose(request.model).cancelVideo?.(request, context) ?? unsupported(request.model),
    downloadVideo: (request, context) =>
      choose(request.model).downloadVideo?.(request, context) ?? unsupported(request.model),
    infer: (request, context) => choose(request.model).infer?.(request, context) ?? unsupported(request.model),
    ...(lists?.listModels !== undefined && { listModels: lists.listModels.bind(lists) }),
  }
}

function unsupported(model: string): never {
  throw fail('unsupported_operation', `the provider does not offer this for the model "${model}"`)
}
