import { type GenericEndpoint, usage } from '#provider'

/** Fields of a request that only the first version of the API has. */
const firstVersion = ['return_documents', 'rank_fields', 'max_chunks_per_doc']

/** Which of the given documents answer a query best. It is billed by searches, so it counts no tokens. */
export const rerank: GenericEndpoint = {
  operation: 'rerank',
  path: (args) => (isOfFirstVersion(args) ? '/v1/rerank' : '/v2/rerank'),
  means: (model, args) => model.startsWith('rerank') || ('query' in args && 'documents' in args),
  usage({ meta }) {
    const billed = membersOf(membersOf(meta)['billed_units'])
    return Object.keys(billed).length > 0 ? usage({ raw: billed }) : undefined
  },
}

type Members = Parameters<typeof rerank.means>[1]

/** Documents of several fields are taken by the first version alone. */
function isOfFirstVersion(args: Members): boolean {
  const { documents } = args
  const structured = Array.isArray(documents) && documents.some((document) => typeof document === 'object')
  return structured || firstVersion.some((field) => field in args)
}

function membersOf(value: Members[string] | undefined): Members {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {}
}
