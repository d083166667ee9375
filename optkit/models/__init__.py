"""Networks: one file each, one line each in `NETWORKS`."""

from __future__ import annotations

from optkit.models import mnist_bn, mnist_conv, mnist_teacher, quickdraw_conv
from optkit.models.network import NetworkEntry

__all__ = ["NETWORKS", "NetworkEntry"]

NETWORKS: dict[str, NetworkEntry] = {
    "mnist_bn": NetworkEntry(mnist_bn.build),
    "mnist_conv": NetworkEntry(mnist_conv.build),
    "mnist_teacher": NetworkEntry(mnist_teacher.build),
    "quickdraw_conv": NetworkEntry(quickdraw_conv.build),
}
