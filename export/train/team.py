"""Several processes that train one network, started by torchrun; or this one alone."""

import os
from datetime import timedelta

import torch
from torch import distributed, nn

PATIENCE = timedelta(hours=12)  # the others wait while the first trains the vision network


class Team:
    """The processes of this run. rank: number 0 validates, saves and prints. size: their number."""

    def __init__(self) -> None:
        """Join the processes that torchrun's environment names, if any."""
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        if self.size > 1 and not distributed.is_initialized():
            distributed.init_process_group("gloo", timeout=PATIENCE)

    @property
    def first(self) -> bool:
        """Whether this is the first process."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait for all processes."""
        if self.size > 1:
            distributed.barrier()

    def agreed(self, value: float) -> float:
        """The first process's value."""
        if self.size == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64)
        distributed.broadcast(shared, 0)
        return float(shared)

    def share_weights(self, net: nn.Module) -> None:
        """Copy the first process's weights and statistics to all."""
        if self.size > 1:
            for tensor in net.state_dict().values():
                distributed.broadcast(tensor, 0)

    def share_gradients(self, net: nn.Module) -> None:
        """Average the gradients of all processes."""
        if self.size == 1:
            return
        gradients = [p.grad for p in net.parameters() if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        distributed.all_reduce(flat)
        flat /= self.size
        start = 0
        for g in gradients:
            g.copy_(flat[start : start + g.numel()].reshape(g.shape))
            start += g.numel()
