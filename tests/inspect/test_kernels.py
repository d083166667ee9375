"""Kernels of XNNPACK are laid beside the operators that they are for."""

from optkit.inspect.kernels import assign

MNIST = ["RESHAPE", "CONV_2D", "MAX_POOL_2D", "RESHAPE", "FULLY_CONNECTED"]


def test_each_kernel_goes_to_the_operator_that_its_name_says() -> None:
    kernels = [
        "Copy (NC, X32)",
        "Convolution (NHWC, F32) IGEMM",
        "Max Pooling (NHWC, F32)",
        "Copy (NC, X32)",
        "Fully Connected (NC, F32) GEMM",
    ]
    assert assign(kernels, MNIST) == [0, 1, 2, 3, 4]


def test_operators_that_xnnpack_does_not_run_are_passed_over() -> None:
    """Catches a kernel given to the operator at its own place."""
    kernels = ["Convolution (NHWC, QC8) IGEMM", "Max Pooling (NHWC, S8)", "Fully Connected (NC, QS8, QC8W) GEMM"]
    assert assign(kernels, MNIST) == [1, 2, 4]


def test_a_kernel_that_helps_another_is_given_to_the_same_operator() -> None:
    kernels = [
        "Convert (NC, F32, QD8)",
        "Convolution (NHWC, QD8, F32, QC8W) IGEMM",
        "Max Pooling (NHWC, F32)",
        "Convert (NC, F32, QD8)",
        "Fully Connected (NC, QD8, F32, QC8W) GEMM",
    ]
    assert assign(kernels, ["CONV_2D", "MAX_POOL_2D", "FULLY_CONNECTED"]) == [0, 0, 1, 2, 2]


def test_a_conversion_at_the_ends_is_its_own_operator() -> None:
    kernels = ["Convert (NC)", "Convolution (NHWC, QC8) GEMM", "Convert (NC)"]
    assert assign(kernels, ["QUANTIZE", "CONV_2D", "DEQUANTIZE"]) == [0, 1, 2]


def test_alternating_convolutions_keep_their_order() -> None:
    kernels = ["Convolution (NHWC, F32) DWConv", "Convolution (NHWC, F32) GEMM"] * 13
    assert assign(kernels, ["DEPTHWISE_CONV_2D", "CONV_2D"] * 13) == list(range(26))


def test_a_name_that_is_new_still_has_its_place() -> None:
    kernels = ["Convolution (NHWC, F32) GEMM", "Something New (NC)", "Softmax (NC, F32)"]
    assert assign(kernels, ["CONV_2D", "GELU", "SOFTMAX"]) == [0, 1, 2]


def test_nothing_is_given_to_no_operator() -> None:
    assert assign(["Softmax (NC, F32)"], []) is None
    assert assign([], ["SOFTMAX"]) == []
