import {
  type DescEnum,
  type DescExtension,
  type DescFile,
  type DescMessage,
  type DescService,
  toBinary,
} from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { Code, type ConnectRouter } from '@connectrpc/connect'
import { ServerReflection as ReflectionV1 } from '#gen/grpc/reflection/v1/reflection_pb.ts'
import { ServerReflection as ReflectionV1Alpha } from '#gen/grpc/reflection/v1alpha/reflection_pb.ts'

const smallMessage = { readMaxBytes: 16 * 1024 }

/**
 * Adds gRPC server reflection, v1 and v1alpha, to a router: what `grpcurl` and `buf curl` ask to learn the contract.
 * It needs no key, as the contract is public. Lists itself and the services given.
 */
export function reflection(router: ConnectRouter, services: readonly DescService[]): void {
  const index = indexOf([...services, ReflectionV1, ReflectionV1Alpha])
  router.service(ReflectionV1, { serverReflectionInfo: (questions) => answers(index, questions) }, smallMessage)
  router.service(ReflectionV1Alpha, { serverReflectionInfo: (questions) => answers(index, questions) }, smallMessage)
}

/** A request of either version; both have the same fields. */
interface Request {
  readonly host: string
  readonly messageRequest: Question
}

type Question =
  | { readonly case: 'fileByFilename'; readonly value: string }
  | { readonly case: 'fileContainingSymbol'; readonly value: string }
  | { readonly case: 'fileContainingExtension'; readonly value: ExtensionName }
  | { readonly case: 'allExtensionNumbersOfType'; readonly value: string }
  | { readonly case: 'listServices'; readonly value: string }
  | { readonly case: undefined; readonly value?: undefined }

interface ExtensionName {
  readonly containingType: string
  readonly extensionNumber: number
}

type Answer =
  | { case: 'fileDescriptorResponse'; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: 'allExtensionNumbersResponse'; value: { baseTypeName: string; extensionNumber: number[] } }
  | { case: 'listServicesResponse'; value: { service: { name: string }[] } }
  | { case: 'errorResponse'; value: { errorCode: number; errorMessage: string } }

interface Index {
  readonly services: readonly string[]
  readonly files: ReadonlyMap<string, DescFile>
  /** Where each fully qualified name is declared: messages, fields, oneofs, enums and their values, services and methods. */
  readonly symbols: ReadonlyMap<string, DescFile>
  /** By the name of the extended message. */
  readonly extensions: ReadonlyMap<string, readonly DescExtension[]>
}

async function* answers<Asked extends Request>(index: Index, requests: AsyncIterable<Asked>) {
  const sent = new Set<DescFile>()
  for await (const request of requests) {
    yield {
      validHost: request.host,
      originalRequest: request,
      messageResponse: answer(index, request.messageRequest, sent),
    }
  }
}

function answer(index: Index, question: Question, sent: Set<DescFile>): Answer {
  switch (question.case) {
    case 'listServices':
      return { case: 'listServicesResponse', value: { service: index.services.map((name) => ({ name })) } }
    case 'fileByFilename':
      return fileAnswer(index.files.get(question.value), `file ${question.value}`, sent)
    case 'fileContainingSymbol':
      return fileAnswer(index.symbols.get(question.value.replace(/^\./, '')), `symbol ${question.value}`, sent)
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = question.value
      const extension = index.extensions.get(containingType)?.find(({ number }) => number === extensionNumber)
      return fileAnswer(extension?.file, `extension ${extensionNumber} of ${containingType}`, sent)
    }
    case 'allExtensionNumbersOfType':
      return extensionNumbers(index, question.value)
    case undefined:
      return failure(Code.InvalidArgument, 'the request asks nothing')
    default:
      return question satisfies never
  }
}

function failure(errorCode: Code, errorMessage: string): Answer {
  return { case: 'errorResponse', value: { errorCode, errorMessage } }
}

/** The file, and all it imports that this stream has not been sent yet. */
function fileAnswer(file: DescFile | undefined, asked: string, sent: Set<DescFile>): Answer {
  if (file === undefined) return failure(Code.NotFound, `${asked} is not known`)
  const news = [file]
  sent.add(file)
  for (const known of news) {
    for (const imported of known.dependencies) {
      if (sent.has(imported)) continue
      sent.add(imported)
      news.push(imported)
    }
  }
  const fileDescriptorProto = news.map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto))
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } }
}

function extensionNumbers(index: Index, baseTypeName: string): Answer {
  if (!index.symbols.has(baseTypeName)) return failure(Code.NotFound, `type ${baseTypeName} is not known`)
  const extensionNumber = (index.extensions.get(baseTypeName) ?? []).map(({ number }) => number)
  return { case: 'allExtensionNumbersResponse', value: { baseTypeName, extensionNumber } }
}

function indexOf(services: readonly DescService[]): Index {
  const files = new Map<string, DescFile>()
  const addFile = (file: DescFile): void => {
    if (files.has(file.proto.name)) return
    files.set(file.proto.name, file)
    file.dependencies.forEach(addFile)
  }
  for (const service of services) addFile(service.file)
  const symbols = new Map<string, DescFile>()
  const extensions: DescExtension[] = []
  for (const file of files.values()) {
    for (const name of symbolsOf(file)) symbols.set(name, file)
    extensions.push(...extensionsOf(file))
  }
  return {
    services: services.map(({ typeName }) => typeName),
    files,
    symbols,
    extensions: Map.groupBy(extensions, ({ extendee }) => extendee.typeName),
  }
}

function* symbolsOf(file: DescFile): Generator<string, void, void> {
  for (const service of file.services) {
    yield service.typeName
    for (const method of service.methods) yield `${service.typeName}.${method.name}`
  }
  for (const message of file.messages) yield* messageSymbols(message)
  for (const enumeration of file.enums) yield* enumSymbols(enumeration)
  for (const extension of extensionsOf(file)) yield extension.typeName
}

function* messageSymbols(message: DescMessage): Generator<string, void, void> {
  yield message.typeName
  for (const { name } of [...message.fields, ...message.oneofs]) yield `${message.typeName}.${name}`
  for (const nested of message.nestedMessages) yield* messageSymbols(nested)
  for (const nested of message.nestedEnums) yield* enumSymbols(nested)
}

/** The values of an enum are siblings of its name, not members of it. */
function* enumSymbols(enumeration: DescEnum): Generator<string, void, void> {
  yield enumeration.typeName
  const scope = enumeration.typeName.slice(0, enumeration.typeName.lastIndexOf('.') + 1)
  for (const { name } of enumeration.values) yield scope + name
}

function extensionsOf(file: DescFile): DescExtension[] {
  const nested = (message: DescMessage): DescExtension[] => [
    ...message.nestedExtensions,
    ...message.nestedMessages.flatMap(nested),
  ]
  return [...file.extensions, ...file.messages.flatMap(nested)]
}
