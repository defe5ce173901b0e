#!/usr/bin/env python3
"""A provider in Python: repeats the last message backwards, one word at a time.

Needs grpcio and protobuf (Debian: python3-grpcio, python3-protobuf), and no generated code: the messages are made from
switchyard.binpb, the compiled contract beside this file.

    python3 server.py --port 50051
"""

import argparse
import pathlib
import signal
import threading
from concurrent import futures

import grpc
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

SERVICE = "switchyard.v1.InferenceService"


def load_messages():
    """Gives what makes the class of a message from its full name."""
    pool = descriptor_pool.DescriptorPool()
    contract = pathlib.Path(__file__).with_name("switchyard.binpb").read_bytes()
    files = descriptor_pb2.FileDescriptorSet.FromString(contract).file
    if not any(file.name == any_pb2.DESCRIPTOR.name for file in files):
        pool.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
    for file in files:
        pool.Add(file)
    pool.Add(status_file())
    if hasattr(message_factory, "GetMessageClass"):
        return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
    factory = message_factory.MessageFactory(pool)
    return lambda name: factory.GetPrototype(pool.FindMessageTypeByName(name))


def status_file():
    """google.rpc.Status, in which gRPC carries the details of an error."""
    file = descriptor_pb2.FileDescriptorProto(name="google/rpc/status.proto", package="google.rpc", syntax="proto3")
    file.dependency.append("google/protobuf/any.proto")
    status = file.message_type.add(name="Status")
    field = descriptor_pb2.FieldDescriptorProto
    status.field.add(name="code", number=1, type=field.TYPE_INT32, label=field.LABEL_OPTIONAL)
    status.field.add(name="message", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    status.field.add(
        name="details",
        number=3,
        type=field.TYPE_MESSAGE,
        type_name=".google.protobuf.Any",
        label=field.LABEL_REPEATED,
    )
    return file


message = load_messages()
ChatRequest = message("switchyard.v1.ChatRequest")
ChatResponse = message("switchyard.v1.ChatResponse")
ChatEvent = message("switchyard.v1.ChatEvent")
Usage = message("switchyard.v1.Usage")
ListModelsRequest = message("switchyard.v1.ListModelsRequest")
ListModelsResponse = message("switchyard.v1.ListModelsResponse")
ErrorInfo = message("switchyard.v1.ErrorInfo")
Status = message("google.rpc.Status")

STOP = ChatResponse.DESCRIPTOR.file.enum_types_by_name["FinishReason"].values_by_name["FINISH_REASON_STOP"].number
ASSISTANT = ChatResponse.DESCRIPTOR.file.enum_types_by_name["Role"].values_by_name["ROLE_ASSISTANT"].number


def fail(context, code, reason, text):
    """Ends a call with an error whose reason reaches the gateway's caller. The reasons are in src/error/reasons.ts."""
    info = ErrorInfo(reason=reason, domain="switchyard")
    status = Status(code=code.value[0], message=text)
    status.details.add(type_url="type.googleapis.com/switchyard.v1.ErrorInfo", value=info.SerializeToString())
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, text)


# What this provider makes use of. Everything else that a request has is named as dropped, never left out silently.
CARRIED = {"model", "provider", "messages", "strict", "source"}


def dropped_of(request):
    """The fields of the request that are not carried, and those that no field of the contract could carry to us."""
    dropped = list(request.source.untranslated)
    dropped += [field.name for field, _ in request.ListFields() if field.name not in CARRIED]
    for at, one in enumerate(request.messages):
        kinds = enumerate(part.WhichOneof("kind") for part in one.parts)
        dropped += [f"messages[{at}].parts[{place}]" for place, kind in kinds if kind != "text"]
    return dropped


def answer_to(request, context):
    """The words of the answer, and what was dropped. Refuses what it cannot do before the first event."""
    if request.model != "backwards":
        text = f'there is no model "{request.model}"; ask for backwards'
        fail(context, grpc.StatusCode.NOT_FOUND, "model_not_found", text)
    dropped = dropped_of(request)
    if request.strict and dropped:
        text = "the provider of this model cannot carry: " + ", ".join(dropped)
        fail(context, grpc.StatusCode.INVALID_ARGUMENT, "unsupported_field", text)
    texts = [part.text.text for part in request.messages[-1].parts]
    return " ".join(texts).split()[::-1], dropped


def usage_of(words):
    return Usage(input_tokens=max(1, len(words)), output_tokens=max(1, len(words)))


def stream_chat(request, context):
    """Events in the order that chat.proto documents; nothing more is made once the caller has left."""
    words, dropped = answer_to(request, context)
    yield ChatEvent(started={"id": f"backwards-{len(words)}", "model": request.model, "dropped": dropped})
    for at, word in enumerate(words):
        if not context.is_active():
            return
        yield ChatEvent(text_delta={"text": word if at == 0 else f" {word}"})
    yield ChatEvent(finished={"reason": STOP, "upstream_reason": "done"})
    yield ChatEvent(usage=usage_of(words))


def chat(request, context):
    """The same answer, whole."""
    words, dropped = answer_to(request, context)
    response = ChatResponse(id=f"backwards-{len(words)}", model=request.model, dropped=dropped, usage=usage_of(words))
    choice = response.choices.add(finish_reason=STOP, upstream_reason="done")
    choice.message.role = ASSISTANT
    choice.message.parts.add().text.text = " ".join(words)
    return response


def list_models(request, context):
    response = ListModelsResponse()
    response.models.add(id="backwards", operations=["chat"])
    return response


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=50051, help="0 for a free one")
    port = parser.parse_args().port

    def method(kind, function, request):
        return kind(function, request_deserializer=request.FromString, response_serializer=lambda one: one.SerializeToString())

    methods = {
        "Chat": method(grpc.unary_unary_rpc_method_handler, chat, ChatRequest),
        "StreamChat": method(grpc.unary_stream_rpc_method_handler, stream_chat, ChatRequest),
        "ListModels": method(grpc.unary_unary_rpc_method_handler, list_models, ListModelsRequest),
    }
    # Methods that are missing here answer UNIMPLEMENTED: operations that this provider has not got.
    largest = 32 * 1024 * 1024
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=16), options=[("grpc.max_receive_message_length", largest)]
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    print(f"listening on grpc://127.0.0.1:{port}", flush=True)

    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    stop.wait()
    server.stop(grace=5).wait()


if __name__ == "__main__":
    main()
