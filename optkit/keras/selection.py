"""ChannelSelection: a Keras layer that passes on a fixed choice of channels (the last axis).

Network slimming puts one before a batch normalization whose input a shortcut also carries on: the shortcut keeps
its width while the block reads fewer channels. A gather is used, not a multiplication by zeros and ones, because
only a gather lets the layers that follow be smaller; in float and int8 files it becomes the builtin operator GATHER.
"""

from __future__ import annotations

import functools
from typing import Any

from optkit.keras.tensorflow import load_keras, load_tensorflow


@functools.cache
def channel_selection() -> Any:
    """Return the layer's class: `ChannelSelection(indices)`, whose config holds the indices and no code.

    A function, so that importing this module does not import TensorFlow.
    """
    keras, tf = load_keras(), load_tensorflow()

    @keras.saving.register_keras_serializable(package="optkit")
    class ChannelSelection(keras.layers.Layer):  # type: ignore
        """Passes on the channels `indices` of its input."""

        def __init__(self, indices: Any, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.indices = [int(index) for index in indices]

        def call(self, inputs: Any) -> Any:
            return tf.gather(inputs, tf.constant(self.indices, tf.int32), axis=-1)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "indices": self.indices}

    return ChannelSelection


def is_selection(kind: type) -> bool:
    """Tell whether a layer's class is ChannelSelection."""
    return kind is channel_selection()
