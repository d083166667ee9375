"""Networks: one file each, one line each in `NETWORKS`."""

from __future__ import annotations

from optkit.models import (
    ds_cnn,
    hosted,
    keras_distillation,
    mnist_bn,
    mnist_conv,
    mnist_teacher,
    quickdraw_conv,
    resnet_preact,
    vgg16_bn,
)
from optkit.models.network import NetworkEntry

__all__ = ["NETWORKS", "NetworkEntry"]

NETWORKS: dict[str, NetworkEntry] = {
    "ds_cnn": NetworkEntry(ds_cnn.build),
    "inception_v3": NetworkEntry(hosted.inception_v3, version=2),
    "keras_distillation": NetworkEntry(keras_distillation.build),
    "mnist_bn": NetworkEntry(mnist_bn.build),
    "mnist_conv": NetworkEntry(mnist_conv.build),
    "mnist_teacher": NetworkEntry(mnist_teacher.build),
    "mobilenet_v1": NetworkEntry(hosted.mobilenet_v1, version=2),
    "mobilenet_v2": NetworkEntry(hosted.mobilenet_v2, version=2),
    "quickdraw_conv": NetworkEntry(quickdraw_conv.build),
    "resnet_preact": NetworkEntry(resnet_preact.build),
    "resnet_v2_101": NetworkEntry(hosted.resnet_v2_101, version=3),
    "vgg16_bn": NetworkEntry(vgg16_bn.build),
}
