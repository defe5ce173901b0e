/** The door of this folder: reasons, the error type, and its RPC form. */
export * from './error.ts'
export * from './grpc.ts'
export * from './reasons.ts'
