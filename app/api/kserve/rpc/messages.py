"""The messages of the protocol over gRPC, as grpc_service.proto of github.com/triton-inference-server/common has them.

They are made when this is imported, in a pool of their own: nothing is generated that would have to fit the version of
protobuf, and a client in the same process may bring the same names. Fields have the numbers 1, 2, ... in their order.
"""

import re
from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"

_PARAMETERS = "map InferParameter parameters"
_FIELDS = {
    "ServerLiveRequest": "",
    "ServerLiveResponse": "bool live",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "bool ready",
    "ModelReadyRequest": "string name, string version",
    "ModelReadyResponse": "bool ready",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": "string name, string version, repeated string extensions",
    "ModelMetadataRequest": "string name, string version",
    "ModelMetadataResponse": "string name, repeated string versions, string platform, "
    "repeated ModelMetadataResponse.TensorMetadata inputs, repeated ModelMetadataResponse.TensorMetadata outputs",
    "ModelMetadataResponse.TensorMetadata": "string name, string datatype, repeated int64 shape",
    "InferParameter": "oneof bool bool_param, oneof int64 int64_param, oneof string string_param, "
    "oneof double double_param, oneof uint64 uint64_param",
    "InferTensorContents": "repeated bool bool_contents, repeated int32 int_contents, repeated int64 int64_contents, "
    "repeated uint32 uint_contents, repeated uint64 uint64_contents, repeated float fp32_contents, "
    "repeated double fp64_contents, repeated bytes bytes_contents",
    "ModelInferRequest": f"string model_name, string model_version, string id, {_PARAMETERS}, "
    "repeated ModelInferRequest.InferInputTensor inputs, "
    "repeated ModelInferRequest.InferRequestedOutputTensor outputs, repeated bytes raw_input_contents",
    "ModelInferRequest.InferInputTensor": f"string name, string datatype, repeated int64 shape, {_PARAMETERS}, "
    "InferTensorContents contents",
    "ModelInferRequest.InferRequestedOutputTensor": f"string name, {_PARAMETERS}",
    "ModelInferResponse": f"string model_name, string model_version, string id, {_PARAMETERS}, "
    "repeated ModelInferResponse.InferOutputTensor outputs, repeated bytes raw_output_contents",
    "ModelInferResponse.InferOutputTensor": f"string name, string datatype, repeated int64 shape, {_PARAMETERS}, "
    "InferTensorContents contents",
    "ModelStreamInferResponse": "string error_message, ModelInferResponse infer_response",
}
_CHOICE = "parameter_choice"  # the only oneof
_FIELD = re.compile(r"(?:(repeated|map|oneof) )?([\w.]+) (\w+)")


def made_messages(package: str, fields_of: Mapping[str, str]) -> dict[str, Any]:
    """The classes of a package's messages by name, as a generated module would have them. ``fields_of`` a message:
    "[repeated | map | oneof] type name" for each field; keys of maps are strings."""
    file = FileDescriptorProto(name=f"docent/{package}.proto", package=package, syntax="proto3")
    made: dict[str, DescriptorProto] = {}
    for name, fields in fields_of.items():
        outer, _, inner = name.rpartition(".")
        made[name] = (made[outer].nested_type if outer else file.message_type).add(name=inner)
        for number, found in enumerate(_FIELD.findall(fields), 1):
            _add_field(made[name], f".{package}", name, number, *found)
    pool = DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {name: GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in fields_of}


def _add_field(
    message: DescriptorProto, package: str, path: str, number: int, kind: str, type_: str, name: str
) -> None:
    field = message.field.add(name=name, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
    if kind in ("repeated", "map"):
        field.label = FieldDescriptorProto.LABEL_REPEATED
    if kind == "map":
        entry = message.nested_type.add(name=f"{name.title()}Entry")
        entry.options.map_entry = True
        _add_field(entry, package, "", 1, "", "string", "key")
        _add_field(entry, package, "", 2, "", type_, "value")
        type_ = f"{path}.{entry.name}"
    if kind == "oneof":
        if not message.oneof_decl:
            message.oneof_decl.add(name=_CHOICE)
        field.oneof_index = 0
    if type_[0].isupper():
        field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, f"{package}.{type_}"
    else:
        field.type = FieldDescriptorProto.Type.Value(f"TYPE_{type_.upper()}")


MESSAGES = made_messages(PACKAGE, _FIELDS)
ModelInferResponse = MESSAGES["ModelInferResponse"]
ModelStreamInferResponse = MESSAGES["ModelStreamInferResponse"]
