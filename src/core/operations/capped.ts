/** A request whose limit of the answer, where it has one, is not above `most`, where that is known. */
export function capped<Request extends { readonly maxOutputTokens?: number | undefined }>(
  request: Request,
  most: () => number | undefined,
): Request {
  const asked = request.maxOutputTokens
  if (asked === undefined) return request
  const limit = most() ?? asked
  return asked <= limit ? request : { ...request, maxOutputTokens: limit }
}
