/** The door of this folder: reasons, the error type, its RPC form, and what the log has of it. */
export * from './error.ts'
export * from './grpc.ts'
export * from './logged.ts'
export * from './reasons.ts'
