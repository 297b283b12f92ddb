"""The arguments of the kernels in ``kernels/encoder.cu`` as C lays them out, under the same names."""

import ctypes

from engines.runtimes.cuda.arguments import fields


class Embed(ctypes.Structure):
    _fields_ = fields(
        "words positions kinds codes scales places types weight bias target", "rows bits block zero", "eps"
    )


class NormRows(ctypes.Structure):
    _fields_ = fields("source weight bias target", "rows", "eps")


class Multiply(ctypes.Structure):
    _fields_ = fields("x weights bias residual y", "rows outputs inputs mode")


class Attend(ctypes.Structure):
    _fields_ = fields("qkv items target", "")


class Pool(ctypes.Structure):
    _fields_ = fields("source starts target", "")


class Judge(ctypes.Structure):
    _fields_ = fields("source weight bias target", "")


class Band(ctypes.Structure):
    _fields_ = fields("source ends target", "tokens pair width", "scale")
