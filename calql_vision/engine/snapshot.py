"""An agent as it was, to be put back where it is: no tensor is replaced."""

import torch

from calql_vision.agents import Agent


class Snapshot:
    """Copies of weights, Adam's moments, the generator's state and the count of updates."""

    def __init__(self, agent: Agent):
        self._weights = {name: value.clone() for name, value in agent.state_dict().items()}
        self._moments = {
            parameter: {key: value.clone() for key, value in state.items()}
            for optimizer in agent.optimizers.values()
            for parameter, state in optimizer.state.items()
        }
        self._generator, self._updates = agent.generator.get_state(), agent.updates

    @torch.no_grad()
    def put_back(self, agent: Agent) -> None:
        """In place, as a captured graph needs it. Moments that did not exist become zero."""
        for name, value in agent.state_dict().items():
            value.copy_(self._weights[name])
        for optimizer in agent.optimizers.values():
            for parameter, state in optimizer.state.items():
                before = self._moments.get(parameter, {})
                for key, value in state.items():
                    value.copy_(before[key]) if key in before else value.zero_()
        agent.generator.set_state(self._generator)
        agent.updates = self._updates
