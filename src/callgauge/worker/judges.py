"""The judges that the settings allow: the installation's own, and those that a metric may name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from callgauge.domain.judging import Judge
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.options import Options
from callgauge.engine.faults import BadConfiguration
from callgauge.flow.judge_settings import (
    CHOICE,
    check_judges,
    hearing_model,
    judge_settings,
    key_for,
    listed_models,
    named_settings,
    wished,
)
from callgauge.flow.provider_limits import ProviderLimits
from callgauge.judge import Gate, JudgeSettingError, JudgeSettings, open_judge
from callgauge.worker.allowance import SharedAllowance
from callgauge.worker.database import DatabaseThread
from callgauge.worker.shared_gates import SharedGates

__all__ = [
    "ConfiguredJudges",
    "Judges",
    "check_judges",
    "judge_settings",
    "judges_from",
    "key_for",
    "named_settings",
]


class Judges:
    """Opened as they are first asked. Those of one provider at one address share a gate."""

    def __init__(
        self,
        default: Judge,
        open_named: Callable[[str], Judge] | None = None,
        named: Sequence[str] = (),
        listening: Sequence[str] = (),
    ) -> None:
        """`open_named` gives the judge of that name or raises JudgeSettingError; without it a metric cannot
        choose. `named`: models that may be chosen, as far as they are listed one by one. `listening`: those
        that metrics which listen are asked of."""
        self.default = default
        self.named = named
        self._listening = listening
        self._open_named = open_named
        self._named: dict[str, Judge] = {default.model: default}

    def of(self, spec: MetricSpec) -> Judge:
        """Raises BadConfiguration where the metric names a judge that it may not have."""
        chosen = spec.configuration.get(CHOICE)
        name = self._listener(spec) if spec.hears else chosen
        name = name or wished(spec.llm_provider, self.default.model, self.named)
        if not name:
            return self.default
        if not isinstance(name, str):
            raise BadConfiguration(f"{CHOICE} in the metric's configuration must be a text: provider:model.")
        name = name.strip()
        if name not in self._named:
            self._named[name] = self._open(name)
        return self._named[name]

    def can_hear(self, spec: MetricSpec) -> bool:
        """Whether there is a judge that listens for the metric."""
        return bool(self._listener(spec))

    def _listener(self, spec: MetricSpec) -> str:
        own = [self.default.model, *self.named]
        return hearing_model(spec.configuration.get(CHOICE), spec.llm_provider, own, self._listening)

    def _open(self, name: str) -> Judge:
        if self._open_named is None:
            raise BadConfiguration(f"{CHOICE} in the metric's configuration: this server has one judge only.")
        try:
            return self._open_named(name)
        except JudgeSettingError as error:
            raise BadConfiguration(f"{CHOICE} in the metric's configuration: {error}") from None

    def start(self) -> None:
        """Called once, on the event loop on which the judges are asked."""

    async def close(self) -> None:
        for judge in self._named.values():
            await judge.close()


class ConfiguredJudges(Judges):
    """By the settings; with a rate, what is asked is counted in the database."""

    def __init__(self, options: Options) -> None:
        """Raises JudgeSettingError. CALLGAUGE_JUDGE must be set."""
        settings = judge_settings(options)
        assert settings is not None
        self._options = options
        self._limits = ProviderLimits(options.judge_rate, options.judge_token_rate)
        self._gates: dict[tuple[str, str], Gate] = {}
        self._allowances: dict[str, SharedAllowance] = {}
        self._thread = DatabaseThread("judge-rate")
        self._shared = SharedGates(self._thread)
        super().__init__(
            self._opened(settings), self._open_allowed, listed_models(options), options.judge_audio_models
        )

    def start(self) -> None:
        self._shared.start()

    def _open_allowed(self, name: str) -> Judge:
        return self._opened(named_settings(self._options, name))

    def _opened(self, settings: JudgeSettings) -> Judge:
        return open_judge(settings, self._gate(settings.provider, settings.base_url))

    def _gate(self, provider: str, address: str) -> Gate:
        """One for each address: at one of them a provider may be down, or set up wrongly, and not at another.
        Pauses and the operator's rate are the provider's."""
        if (provider, address) not in self._gates:
            gate = Gate(allowance=self._allowance(provider), tell=self._shared.teller(provider))
            self._gates[provider, address] = gate
            self._shared.watch(provider, gate, address)
        return self._gates[provider, address]

    def _allowance(self, provider: str) -> SharedAllowance | None:
        if self._limits == ProviderLimits():
            return None
        if provider not in self._allowances:
            self._allowances[provider] = SharedAllowance(provider, self._limits, self._thread)
        return self._allowances[provider]

    async def close(self) -> None:
        await super().close()
        for allowance in self._allowances.values():
            await allowance.close()
        await self._shared.close()
        await self._thread.close()


def judges_from(options: Options) -> Judges | None:
    """Opened but not yet connected; None where no judge is set. Raises JudgeSettingError."""
    return ConfiguredJudges(options) if judge_settings(options) is not None else None
