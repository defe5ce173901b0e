/** Parts of the API that are not served here. */
export const absent: readonly string[] = ['/v1/inference/generate', '/v1/inference/embed']
