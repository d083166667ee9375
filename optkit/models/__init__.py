"""Networks: one file each, one line each in `NETWORKS`."""

from __future__ import annotations

from optkit.models import mnist_bn, mnist_conv
from optkit.models.network import NetworkEntry

__all__ = ["NETWORKS", "NetworkEntry"]

NETWORKS: dict[str, NetworkEntry] = {
    "mnist_bn": NetworkEntry(mnist_bn.build),
    "mnist_conv": NetworkEntry(mnist_conv.build),
}
