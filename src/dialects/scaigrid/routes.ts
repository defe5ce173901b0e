/** Parts of the API that are not served here. */
export const absent: readonly string[] = []
