"""The real gRPC on both sides of the gateway: `grpc.py serve` and `grpc.py call HOST:PORT AUTHORITY`.

Messages are plain bytes, so no code is generated. `call` says what it found wrong and ends with 1.
"""

import sys
import time
from concurrent import futures

# This file's own folder would hide the library.
sys.path.pop(0)
import grpc  # noqa: E402


def same(data):
    return data


class Calls(grpc.GenericRpcHandler):
    def service(self, details):
        handlers = {
            "/test.Echo/Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "/test.Echo/Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "/test.Echo/Count": grpc.unary_stream_rpc_method_handler(self.count),
            "/test.Echo/Chat": grpc.stream_stream_rpc_method_handler(self.chat),
        }
        return handlers.get(details.method)

    def unary(self, request, context):
        context.set_trailing_metadata([("x-checksum", str(len(request)))])
        return request

    def fail(self, request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today: ä")

    def count(self, request, context):
        for number in range(int(request)):
            yield str(number).encode()

    def chat(self, requests, context):
        for request in requests:
            yield request.upper()


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    server.add_generic_rpc_handlers([Calls()])
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()


def call(address, authority):
    channel = grpc.insecure_channel(address, options=[("grpc.default_authority", authority)])
    large = b"x" * 3_000_000
    answer, done = channel.unary_unary("/test.Echo/Unary").with_call(large, timeout=20)
    assert answer == large
    assert dict(done.trailing_metadata())["x-checksum"] == "3000000"
    try:
        channel.unary_unary("/test.Echo/Fail")(b"", timeout=20)
        raise AssertionError("it did not fail")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
        assert error.details() == "not today: ä", error
    counted = list(channel.unary_stream("/test.Echo/Count")(b"1000", timeout=20))
    assert counted == [str(number).encode() for number in range(1000)]

    # Each line waits for the answer to the one before: nothing may be held back on the way.
    said = []

    def lines():
        for number in range(20):
            while len(said) < number:
                time.sleep(0.001)
            yield b"line %d" % number

    for answer in channel.stream_stream("/test.Echo/Chat")(lines(), timeout=20):
        said.append(answer)
    assert said == [b"LINE %d" % number for number in range(20)], said
    try:
        channel.unary_unary("/test.Echo/Nothing")(b"", timeout=20)
        raise AssertionError("it did not fail")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error


if sys.argv[1] == "serve":
    serve()
else:
    call(*sys.argv[2:4])
