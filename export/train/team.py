"""Several processes that train one network: started by torchrun, or just this one."""

import os
from datetime import timedelta

import torch
from torch import distributed, nn

PATIENCE = timedelta(hours=12)  # the others wait while the first trains what sees only


class Team:
    """The processes of this run. rank: 0 is the one that validates, saves and speaks. size: how
    many there are.
    """

    def __init__(self) -> None:
        """Meets the others that torchrun's environment tells of; alone without it."""
        self.size, self.rank = (
            int(os.environ.get("WORLD_SIZE", "1")),
            int(os.environ.get("RANK", "0")),
        )
        if self.size > 1 and not distributed.is_initialized():
            distributed.init_process_group("gloo", timeout=PATIENCE)

    @property
    def first(self) -> bool:
        """Whether this process speaks for all."""
        return self.rank == 0

    def wait(self) -> None:
        """Until all have come here."""
        if self.size > 1:
            distributed.barrier()

    def agreed(self, value: float) -> float:
        """The first process' value, for all."""
        if self.size == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64)
        distributed.broadcast(shared, 0)
        return float(shared)

    def share_weights(self, net: nn.Module) -> None:
        """Everybody goes on with the first process' weights and statistics."""
        if self.size > 1:
            for tensor in net.state_dict().values():
                distributed.broadcast(tensor, 0)

    def share_gradients(self, net: nn.Module) -> None:
        """Everybody's mean gradient, in one message."""
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
