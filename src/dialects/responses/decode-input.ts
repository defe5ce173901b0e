import type { ZodType } from 'zod'
import { type Message, type Part, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { fail, GatewayError } from '../../error/index.ts'
import {
  calling,
  fileId,
  inlineAudio,
  inlineFile,
  linkedFile,
  linkedImage,
  message,
  part,
  refusalPart,
  textPart,
  toolResult,
} from '../parts.ts'
import { noteUnknown } from '../untranslated.ts'
import { check } from '../validate.ts'
import { annotationOf } from './annotation.ts'
import { openSeal } from './seal.ts'
import {
  callOutput,
  type ContentPart,
  customToolCall,
  functionCall,
  type InputItem,
  messageItem,
  reasoningItem,
} from './types.ts'

const roles = {
  system: Role.SYSTEM,
  developer: Role.DEVELOPER,
  user: Role.USER,
  assistant: Role.ASSISTANT,
} as const satisfies Record<string, Role>

/**
 * Reads the items of an `input`. What the model said, thought and called becomes one assistant message, as other formats have it;
 * the `id` and `status` of an item name a stored copy of it and are not kept. Paths that are not carried go to `untranslated`.
 * Throws `invalid_request`, naming the field.
 */
export function decodeInput(items: readonly InputItem[], untranslated: string[]): Message[] {
  const messages: Message[] = []
  for (const [index, item] of items.entries()) decodeItem(item, `input[${index}]`, messages, untranslated)
  return messages
}

function decodeItem(item: InputItem, path: string, messages: Message[], untranslated: string[]): void {
  switch (item.type) {
    case undefined:
    case null:
    case 'message':
      return addMessage(item, path, messages, untranslated)
    case 'function_call': {
      const call = checkItem(functionCall, item, path, untranslated)
      return addOwn(messages, calling(call.call_id, call.name, call.arguments))
    }
    case 'custom_tool_call': {
      const call = checkItem(customToolCall, item, path, untranslated)
      return addOwn(messages, calling(call.call_id, call.name, call.input, true))
    }
    case 'function_call_output':
    case 'custom_tool_call_output': {
      const { call_id: id, output } = checkItem(callOutput, item, path, untranslated)
      const parts = decodeContent(output, `${path}.output`, untranslated)
      messages.push(message(Role.TOOL, [toolResult(id, parts)]))
      return
    }
    case 'reasoning':
      return addReasoning(item, path, messages, untranslated)
    case 'item_reference':
      throw fail('invalid_request', `${path}: item_reference is not supported, because nothing is stored here`, {
        param: path,
      })
    default:
      return addOwn(messages, providerItem(item.type, item))
  }
}

/** Adds to the model's turn: the assistant message that is last, or a new one. */
function addOwn(messages: Message[], ...parts: Part[]): void {
  const last = messages.at(-1)
  if (last?.role === Role.ASSISTANT) last.parts.push(...parts)
  else messages.push(message(Role.ASSISTANT, parts))
}

function addMessage(item: InputItem, path: string, messages: Message[], untranslated: string[]): void {
  const wire = checkItem(messageItem, item, path, untranslated)
  const parts = decodeContent(wire.content, `${path}.content`, untranslated)
  const role = roles[wire.role]
  const before = messages.at(-1)?.parts.at(-1)?.kind.case
  if (role === Role.ASSISTANT && before !== 'text' && before !== 'refusal') addOwn(messages, ...parts)
  else messages.push(message(role, parts))
}

function addReasoning(item: InputItem, path: string, messages: Message[], untranslated: string[]): void {
  const wire = checkItem(reasoningItem, item, path, untranslated)
  const text = [...(wire.summary ?? []), ...(wire.content ?? [])].map((piece) => piece.text).join('\n\n')
  const seal =
    wire.encrypted_content == null || wire.encrypted_content === '' ? undefined : openSeal(wire.encrypted_content)
  if (seal !== undefined && seal.of !== 'reasoning') return attach(messages, seal)
  if (seal === undefined && text === '') {
    // An item of which only the provider's own store knows the content.
    untranslated.push(path)
    return
  }
  addOwn(
    messages,
    part({
      case: 'reasoning',
      value: {
        $typeName: 'switchyard.v1.Reasoning',
        text,
        redacted: seal?.redacted === true,
        ...(seal !== undefined && { signature: seal.signature }),
      },
    }),
  )
}

/** Puts a signature back where it was: on the call of its id, or on the latest text. */
function attach(messages: readonly Message[], { signature, of, callId }: ReturnType<typeof openSeal>): void {
  const kinds = messages.flatMap(({ parts }) => parts.map(({ kind }) => kind))
  const owner = kinds.findLast((kind) =>
    of === 'call' ? kind.case === 'toolCall' && kind.value.id === callId : kind.case === 'text',
  )
  if (owner?.case === 'toolCall' || owner?.case === 'text') owner.value.signature = signature
}

/** Checks an item as its type wants it, naming the field by its whole path. */
function checkItem<Item>(schema: ItemSchema<Item>, item: object, path: string, untranslated: string[]): Item {
  noteUnknown(item, schema.shape, path, untranslated)
  try {
    return check(schema, item)
  } catch (error) {
    if (!(error instanceof GatewayError) || error.details.param === undefined) throw error
    throw fail('invalid_request', `${path}.${error.message}`, { param: `${path}.${error.details.param}` })
  }
}

type ItemSchema<Item> = ZodType<Item> & { readonly shape: object }

/** An item that only the vendor knows, such as the call of a tool it runs itself. */
function providerItem(type: string, item: InputItem): Part {
  const value = {
    $typeName: 'switchyard.v1.ProviderPart' as const,
    vendor: 'openai',
    type,
    json: JSON.stringify(item),
  }
  return part({ case: 'providerPart', value })
}

function decodeContent(content: string | readonly ContentPart[], path: string, untranslated: string[]): Part[] {
  if (typeof content === 'string') return [textPart(content)]
  return content.flatMap((wire, index) => {
    const at = `${path}[${index}]`
    const decoded = decodePart(wire, at)
    if (decoded === undefined) untranslated.push(at)
    else noteUnknown(wire, carriedOf(wire), at, untranslated)
    return decoded === undefined ? [] : [decoded]
  })
}

/** The members of a part that its type has a place for: of several that say where the bytes are, the one that is read. */
function carriedOf(wire: ContentPart): object {
  switch (wire.type) {
    case 'refusal':
      return { type: true, refusal: true }
    case 'input_image':
      return wire.image_url != null ? { type: true, image_url: true, detail: true } : { type: true, file_id: true }
    case 'input_file': {
      const source = (['file_id', 'file_data', 'file_url'] as const).find((name) => wire[name] != null) ?? 'file_url'
      return { type: true, filename: true, [source]: true }
    }
    case 'input_audio':
      return { type: true, input_audio: true }
    default:
      return { type: true, text: true, annotations: true, logprobs: true }
  }
}

function decodePart(wire: ContentPart, path: string): Part | undefined {
  switch (wire.type) {
    case 'input_text':
    case 'output_text':
    case 'text': {
      const annotations = (wire.annotations ?? []).map((note) => annotationOf(note))
      return part({ case: 'text', value: { $typeName: 'switchyard.v1.Text', text: wire.text ?? '', annotations } })
    }
    case 'refusal':
      return refusalPart(wire.refusal ?? '')
    case 'input_image':
      if (wire.image_url != null) return linkedImage(wire.image_url, wire.detail ?? '', `${path}.image_url`)
      return wire.file_id == null ? undefined : imageId(wire.file_id)
    case 'input_file': {
      const name = wire.filename ?? ''
      if (wire.file_id != null) return fileId(wire.file_id, name)
      if (wire.file_data != null) return inlineFile(wire.file_data, name, `${path}.file_data`)
      return wire.file_url == null ? undefined : linkedFile(wire.file_url, name, `${path}.file_url`)
    }
    case 'input_audio': {
      if (wire.input_audio == null) return undefined
      const { data, format } = wire.input_audio
      return inlineAudio(data, `audio/${format ?? 'wav'}`, `${path}.input_audio.data`)
    }
    default:
      return undefined
  }
}

/** An image that the provider keeps: a file of which no more is known. */
function imageId(id: string): Part {
  const source = { case: 'id' as const, value: id }
  return part({ case: 'file', value: { $typeName: 'switchyard.v1.File', source, mediaType: 'image/*', name: '' } })
}
