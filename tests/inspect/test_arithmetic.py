"""Multiply-adds, against counts that others published or that a loop over the sums gives."""

import itertools

import pytest

from optkit.inspect.arithmetic import multiply_adds


def test_a_convolution_counts_each_product_that_is_added() -> None:
    """Catches height and width swapped, and the wrong axis of the weights: counted here by a loop."""
    rows, columns, made, height, width, channels = 5, 7, 4, 3, 2, 6
    products = sum(1 for _ in itertools.product(*map(range, (rows, columns, made, height, width, channels))))
    shapes = [(1, 8, 9, channels), (made, height, width, channels), (made,)]
    assert multiply_adds("CONV_2D", shapes, [(1, rows, columns, made)], {}) == products


@pytest.mark.parametrize(
    ("kind", "inputs", "outputs", "expected"),
    [
        # Howard et al. 2017 (arXiv:1704.04861), section 3.1: DK*DK*M*DF*DF, and 1x1 convolutions M*N*DF*DF
        ("DEPTHWISE_CONV_2D", [(1, 14, 14, 512), (1, 3, 3, 512)], [(1, 14, 14, 512)], 3 * 3 * 512 * 14 * 14),
        ("CONV_2D", [(1, 14, 14, 512), (512, 1, 1, 512)], [(1, 14, 14, 512)], 512 * 512 * 14 * 14),
        ("FULLY_CONNECTED", [(1, 1024), (1000, 1024)], [(1, 1000)], 1_024_000),
        ("TRANSPOSE_CONV", [(4,), (8, 3, 3, 16), (1, 5, 5, 16)], [(1, 10, 10, 8)], 5 * 5 * 16 * 3 * 3 * 8),
        ("CONV_3D", [(1, 4, 4, 4, 2), (3, 3, 3, 2, 5)], [(1, 2, 2, 2, 5)], 8 * 5 * 27 * 2),
        ("BATCH_MATMUL", [(2, 3, 4), (2, 4, 5)], [(2, 3, 5)], 2 * 3 * 4 * 5),
        ("RELU", [(1, 9)], [(1, 9)], 0),
        ("SOFTMAX", [(1, 9)], [(1, 9)], 0),
        ("CONV_2D", [(1, 9)], [(1, 9)], None),
        ("FULLY_CONNECTED", [(1, 9), None], [(1, 9)], None),
    ],
)
def test_each_operator_has_its_rule(kind: str, inputs: list, outputs: list, expected: int | None) -> None:
    assert multiply_adds(kind, inputs, outputs, {}) == expected


def test_the_first_factor_of_a_product_may_be_turned() -> None:
    assert multiply_adds("BATCH_MATMUL", [(4, 3), (4, 5)], [(3, 5)], {"adjX": True}) == 3 * 4 * 5


def test_a_free_size_counts_as_one() -> None:
    assert multiply_adds("FULLY_CONNECTED", [(-1, 8), (4, 8)], [(-1, 4)], {}) == 32


def test_a_sequence_multiplies_by_all_matrices_at_each_step() -> None:
    """Catches states and biases counted as matrices."""
    inputs: list = [(7, 1, 5), *[(6, 5)] * 4, *[(6, 6)] * 4, *[None] * 3, *[(6,)] * 4, None, None, (1, 6), (1, 6)]
    assert multiply_adds("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [(7, 1, 6)], {}) == 7 * 4 * (6 * 5 + 6 * 6)
